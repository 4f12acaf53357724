#include "plugins/starrocks/compress.hpp"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <limits>

#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

[[noreturn]] void fail(const char* codec, const char* why) {
  refuse(std::string("a load cannot be compressed by ") + codec + ": " + why, "compression",
         "set compression = \"none\" and report this");
}

std::string lz4(std::string_view body) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.contentSize = body.size();
  preferences.frameInfo.blockSizeID = LZ4F_max1MB;
  std::string out(LZ4F_compressFrameBound(body.size(), &preferences), '\0');
  const auto size =
      LZ4F_compressFrame(out.data(), out.size(), body.data(), body.size(), &preferences);
  if (LZ4F_isError(size) != 0) fail("lz4", LZ4F_getErrorName(size));
  out.resize(size);
  return out;
}

std::string zstd(std::string_view body) {
  std::string out(ZSTD_compressBound(body.size()), '\0');
  const auto size = ZSTD_compress(out.data(), out.size(), body.data(), body.size(), 1);
  if (ZSTD_isError(size) != 0) fail("zstd", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

std::string gzip(std::string_view body) {
  constexpr int with_gzip_header = 15 + 16;
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, with_gzip_header, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    fail("gzip", "no memory");
  std::string out(deflateBound(&stream, body.size()), '\0');
  // zlib takes no const, and counts in 32 bits.
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  auto* from = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(body.data()));
  std::size_t taken = 0;
  std::size_t made = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    const auto input = std::min(body.size() - taken, most);
    const auto output = std::min(out.size() - made, most);
    stream.next_in = from + taken;
    stream.avail_in = static_cast<uInt>(input);
    stream.next_out = reinterpret_cast<Bytef*>(out.data()) + made;
    stream.avail_out = static_cast<uInt>(output);
    state = deflate(&stream, taken + input == body.size() ? Z_FINISH : Z_NO_FLUSH);
    taken += input - stream.avail_in;
    made += output - stream.avail_out;
  }
  deflateEnd(&stream);
  if (state != Z_STREAM_END) fail("gzip", "the stream does not end");
  out.resize(made);
  return out;
}

} // namespace

std::string compress(load_compression codec, std::string_view body) {
  switch (codec) {
  case load_compression::lz4:
    return lz4(body);
  case load_compression::zstd:
    return zstd(body);
  case load_compression::gzip:
    return gzip(body);
  default:
    return std::string(body);
  }
}

load_api::header_lines compressed_headers(load_api::header_lines headers, load_compression codec) {
  if (codec == load_compression::none) return headers;
  const bool is_lz4 = codec == load_compression::lz4;
  const bool is_zstd = codec == load_compression::zstd;
  bool json = false;
  for (auto& [name, value] : headers) {
    json = json || (name == "format" && value == "json");
    if (name == "format" && value == "csv") value = is_lz4 ? "lz4" : is_zstd ? "zstd" : "gzip";
  }
  if (json) headers.emplace_back("compression", is_lz4 ? "LZ4_FRAME" : is_zstd ? "ZSTD" : "GZIP");
  return headers;
}

} // namespace leat::starrocks
