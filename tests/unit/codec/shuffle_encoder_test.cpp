// The golden values were made with a second implementation, tests/integration/harness/shapes.py.
#include "kstream/codec/shuffle_encoder.hpp"

#include "kstream/codec/sha256.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace kstream {

namespace {

constexpr std::int64_t kStart = 1'700'000'000;

std::string encoded(const ShuffleRecord& record) {
    std::array<char, kShuffleRoom> out{};
    return {out.data(), encode_shuffle(record, out.data())};
}

std::string digest_of(const ShuffleGenerator& generator, std::uint64_t count) {
    std::string texts;
    for (std::uint64_t i = 0; i < count; ++i) {
        texts += encoded(generator.record(i)) + '\n';
    }
    return fmt::format("{:02x}", fmt::join(sha256(texts), ""));
}

}  // namespace

TEST_CASE("a record of the shuffle has its golden text", "[golden]") {
    const ShuffleGenerator generator({.seed = 7, .start_time_s = kStart});
    CHECK(encoded(generator.record(0)) ==
          R"({"id":721508,"selector":50,"value":611402286,"ts":1700000000000,"data")"
          R"(:"zdXRA2OrkAgdajbrT_NIdMe7rpEdtqIPIrUYDvbZzJ8byJZb_sLu-MdF_RzL81A-adFJ)"
          R"(BBWbDJ5HxZqelJM4xa4l6hNrUTiQOiRz1NEURBTw0XX-Br3vaW_x-eIs4NGNFYzA_7VNL3)"
          R"(9_7gH5pNViBV4RZ33jn8fdBesc1CMGeEKx7xIM2eLkVQw4QL3RnE40adhXTqACuadQRsnW)"
          R"(OdqF8AFzvvlOFq5_Xgxcz2cAoeK7pag6qglQ2Dy6WGw-QDxX2hMVd3xxJXKXH_jgcyeann)"
          R"(B_hkg_W5j1wbHiqb7daxGP5VdDuUc08o7V9Whv1ja-lD9yNDemU48HgEptcjaKSDmoFRR6)"
          R"(OIb5GovZVeh8kOBw4ulbjxvI4GC1CylXmxPrH25bR4GvqaCT6nRLSavVWVJSjFOfeNtCbU)"
          R"(h6bM3vAsqo0vrOixmR12cUifO8o3cja3h2ghqsw7svt2-utIw-_0d8-iixk9Hulzm91PRe)"
          R"(SGkkJLK04NhqOj9J46UCp1vimSQan40ychLxojeGILLWNKawMc1QHBiODs6lX7bTGm5pxb)"
          R"(DwOAHHORVWbRAiaCgybNi7fIRMl_FdwQk5SysBDWcqe8CC5QV79ZNCKkykqKxDQFJTnBM_)"
          R"(rKcGuIavBy5P4P1MVv6nbrNskngESxT867_KV5xUpa55vOwrXGz6V9SzyZYPxi2yzE0vzT)"
          R"(Ak96Vi6t0q59lJw0VxWd5EJmPzqcVXQsncnIoUcb73y33mUl46Xfs7ZcrmUsDFTaf5T4q0)"
          R"(jACNAOTs5y7XO_zd_OFeRBXKrftQ3ElPLV-aSjP4U-8qgfSJWbQSzkDgeC_MXFTkIwFzFf)"
          R"(nRl948LDEenH_pTrhKy2nf0qNl9su7nFSfwtgMrk6n8t4-smPtzWqlz-R9Ip3aUxFCxRuB)"
          R"(AIDz0WHICduC1TV7nP54M9Vp_mrL8BgQ5YANFufobI"})");
}

TEST_CASE("the first records of the shuffle are those that a second implementation makes",
          "[golden]") {
    CHECK(digest_of(ShuffleGenerator({.seed = 7, .start_time_s = kStart}), 5000) ==
          "74b8741ea27dc13e3d6292c3a53645563f88c7b4ef613da2a1b4d4b7855df259");
    CHECK(digest_of(ShuffleGenerator({.seed = 7,
                                      .start_time_s = kStart,
                                      .disorder = {.millionths = 200'000, .most_ms = 4000}}),
                    5000) == "35a89105251c1739863eb2156053e8c08c0a0ba8ee745275ea167c40f6cc8306");
}

TEST_CASE("every record of the shuffle has 1024 bytes and stays within its room") {
    constexpr std::uint64_t kWidest = std::numeric_limits<std::uint64_t>::max();
    const ShuffleGenerator generator({.seed = 7});
    ShuffleRecord record = generator.record(0);
    for (const std::uint64_t number : {std::uint64_t{0}, kWidest}) {
        record.id = record.selector = record.value = number;
        record.time_ms = number == 0 ? 0 : std::numeric_limits<std::int64_t>::min();
        std::array<char, kShuffleRoom + 64> out{};
        out.fill('#');
        CHECK(encode_shuffle(record, out.data()) == 1024);
        CHECK(std::string_view{out.data(), 1024}.ends_with(R"("})"));
        CHECK(std::string_view{out.data() + kShuffleRoom, 64} == std::string(64, '#'));
    }
}

}  // namespace kstream
