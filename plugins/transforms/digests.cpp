#include "plugins/transforms/digests.hpp"

#include <openssl/hmac.h>
#include <openssl/sha.h>

namespace leat::transforms {

namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string text_of(const unsigned char* bytes) {
  return {reinterpret_cast<const char*>(bytes), SHA256_DIGEST_LENGTH};
}

} // namespace

std::string sha256(std::string_view text) {
  unsigned char out[SHA256_DIGEST_LENGTH];
  SHA256(bytes_of(text), text.size(), out);
  return text_of(out);
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out,
       &size);
  return text_of(out);
}

std::string hexadecimal(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4U];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

} // namespace leat::transforms
