#include "dataflow/error.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/digests.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

class hash final : public value_transform {
 public:
  hash(std::string salt, std::size_t length, std::vector<std::uint16_t> columns)
      : value_transform(std::move(columns)), salt_(std::move(salt)), length_(length) {}

 private:
  void make(std::string_view value, std::string& out) override {
    out = hexadecimal(hmac_sha256(salt_, value)).substr(0, length_);
  }

  std::string salt_;
  std::size_t length_;
};

class hash_type final : public transform_type {
 public:
  explicit hash_type(const transform_options& o)
      : columns_(texts_of(o, "columns")), salt_(text_of(o, "salt")),
        length_(std::stoul(text_of(o, "length"))) {
    if (salt_.empty()) salt_ = text_of(o, "salt_file");
    if (salt_.size() < 8)
      throw error(error_kind::usage,
                  salt_.empty() ? "nothing says what the pseudonyms are keyed with"
                                : "the salt is shorter than 8 bytes",
                  "salt", "add salt = \"${VARIABLE}\" or salt_file, with at least 8 random bytes");
  }

  transform_output describe(const transform_input& in) const override {
    return with_texts(in, find_columns(*in.rows, columns_, "columns"));
  }

  std::unique_ptr<transform> create(const transform_place& p) const override {
    return std::make_unique<hash>(salt_, length_, find_columns(*p.input, columns_, "columns"));
  }

  std::string text() const override {
    return "hash " + joined(columns_) + ": keyed SHA-256, " + std::to_string(length_) + " digits";
  }

  /// Another salt makes other rows; what is kept of it does not tell it.
  std::string fingerprint() const override {
    return text() + ", salt " + hexadecimal(hmac_sha256(salt_, "leat")).substr(0, 16);
  }

 private:
  std::vector<std::string> columns_;
  std::string salt_;
  std::size_t length_;
};

} // namespace

transform_type_ptr make_hash(const transform_options& o) { return std::make_shared<hash_type>(o); }

} // namespace leat::transforms
