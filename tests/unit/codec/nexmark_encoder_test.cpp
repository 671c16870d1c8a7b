// The golden values were made with a second implementation, tests/integration/harness/shapes.py. A
// change of any of them means that every seed in every script and report means other records.
#include "kstream/codec/nexmark_encoder.hpp"

#include "kstream/codec/sha256.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace kstream {

namespace {

constexpr std::int64_t kStart = 1'700'000'000;

std::string encoded(const NexmarkEvent& event) {
    std::array<char, kNexmarkRoom> out{};
    return {out.data(), encode_nexmark(event, out.data())};
}

std::string digest_of(const NexmarkGenerator& generator, std::uint64_t count) {
    std::string texts;
    for (std::uint64_t i = 0; i < count; ++i) {
        texts += encoded(generator.event(i)) + '\n';
    }
    return fmt::format("{:02x}", fmt::join(sha256(texts), ""));
}

}  // namespace

TEST_CASE("events have their golden texts", "[golden]") {
    const NexmarkGenerator generator({.seed = 7, .start_time_s = kStart});
    CHECK(encoded(generator.event(0)) ==
          R"({"event_type":0,"person":{"id":1000,"name":"Gil Nunes","emailAddress":)"
          R"("zdXRA2O@gdajb.com","creditCard":"6114 0228 6841 0689","city":"Phoenix)"
          R"(","state":"OR","dateTime":"2023-11-14T22:13:20.000Z","extra":"dMe7rpEd)"
          R"(tqIPIrUYDvbZzJ8byJZb_sLu-MdF_RzL81A-adFJBBWbDJ5HxZqelJM4xa4l6hNrUTiQOi)"
          R"(Rz1NEURBTw0XX-Br3vaW_x-eIs4NGNFYzA_7VNL39_7gH5pNViBV4RZ33jn8fdBesc1"}})");
    CHECK(encoded(generator.event(1)) ==
          R"({"event_type":1,"auction":{"id":1000,"itemName":"4P1MVv6nbrNskngESxT8")"
          R"(,"description":"67_KV5xUpa55vOwrXGz6V9SzyZYPxi2yzE0vzTAk96Vi6t0q59lJw0)"
          R"(VxWd5EJmPzqcVXQsncnIoUcb73y33mUl46Xfs7ZcrmUsDF","initialBid":788203,"r)"
          R"(eserve":97086849,"dateTime":"2023-11-14T22:13:20.000Z","expires":"2023)"
          R"(-11-14T22:13:20.014Z","seller":1000,"category":11,"extra":"Taf5T4q0jAC)"
          R"(NAOTs5y7XO_zd_OFeRBXKrftQ3ElPLV-aSjP4U-8qgfSJWbQSzkDgeC_MXFTkIwFzFfnRl)"
          R"(948LDEenH_pTrhKy2nf0qNl9su7nFSfwtgMrk6n8t4-smPtzWqlz-R9Ip3aUxFCxRuBAID)"
          R"(z0WHICduC1TV7nP54M9Vp_mrL8BgQ5YANFufobIMPJOheSiRhm2uEXLWkPYIF04qlLGkIp)"
          R"(Tz032L6R63W9nJ-J9U08dSIeA6KBw1cZ3_7AOXegKhuZQUVJSPsfiCLlFUppembswtG2qX)"
          R"(10AFfkaZheaT-60uNi12QkcsMVVr1HJNJxCjt4zleWa0hO4b-9OjrhfCstFaT9cpCOWEo5)"
          R"(sSkvqNreV89f0xaptTtg7Cg"}})");
    CHECK(encoded(generator.event(4)) ==
          R"({"event_type":2,"bid":{"auction":1000,"bidder":1001,"price":973588,"ch)"
          R"(annel":"channel-3097","url":"https://www.nexmark.com/uX1PD/-_yH-/0IK1P)"
          R"(/item.htm?query=1&channel_id=3097","dateTime":"2023-11-14T22:13:20.000)"
          R"(Z","extra":"cprHvk54GzVPE2lXa4KWIzHwdeJv_3W4umoOZm1OGLhNQIOqZYncQKCoFL)"
          R"(f6hhr"}})");
    CHECK(encoded(generator.event(123456788)) ==
          R"({"event_type":2,"bid":{"auction":7408324,"bidder":2469817,"price":5910)"
          R"(1556,"channel":"Apple","url":"https://www.nexmark.com/WL6TJ/yJXNZ/6hki)"
          R"(f/item.htm?query=1","dateTime":"2023-11-15T01:39:05.678Z","extra":"33p)"
          R"(8K64HcLtMi38WfGl_Clc9e57W7V6s_cJpHhmjPBFGbbtMfbk23RGzJQ"}})");
}

TEST_CASE("the first events are those that a second implementation makes", "[golden]") {
    CHECK(digest_of(NexmarkGenerator({.seed = 7, .start_time_s = kStart}), 5000) ==
          "22a8afea233d98d20359de3a606c0221ff42e0990e732637abc9e49c6a84eeb0");
    CHECK(digest_of(NexmarkGenerator({.seed = 7,
                                      .start_time_s = kStart,
                                      .disorder = {.millionths = 200'000, .most_ms = 4000}}),
                    5000) == "c3e23a01662ffad954da79b01cbe443b5ba2867380252457135b85658a08cb69");
}

TEST_CASE("times are written in UTC with milliseconds, whatever the day") {
    const NexmarkGenerator generator({.seed = 7});
    const auto time_of = [&](std::int64_t milliseconds) {
        NexmarkEvent event = generator.event(4);
        event.time_ms = milliseconds;
        const std::string text = encoded(event);
        return text.substr(text.find("dateTime") + 11, 24);
    };
    CHECK(time_of(0) == "1970-01-01T00:00:00.000Z");
    CHECK(time_of(951'782'400'007) == "2000-02-29T00:00:00.007Z");
    CHECK(time_of(1'735'689'599'999) == "2024-12-31T23:59:59.999Z");
    CHECK(time_of(253'402'300'799'999) == "9999-12-31T23:59:59.999Z");
}

TEST_CASE("the sizes of events are about Nexmark's") {
    const NexmarkGenerator generator({.seed = 3, .start_time_s = kStart});
    struct Sizes {
        std::size_t least = std::numeric_limits<std::size_t>::max();
        std::size_t most = 0;
    };
    std::map<std::size_t, Sizes> sizes;
    for (std::uint64_t i = 0; i < 50'000; ++i) {
        const NexmarkEvent event = generator.event(i);
        Sizes& found = sizes[event.what.index()];
        const std::size_t size = encoded(event).size();
        found.least = std::min(found.least, size);
        found.most = std::max(found.most, size);
    }
    // With the shortest and the longest of everything that varies, ids of four digits.
    CHECK(sizes[0].least >= 307);
    CHECK(sizes[0].most <= 372);
    CHECK(sizes[1].least >= 600);
    CHECK(sizes[1].most <= 743);
    CHECK(sizes[2].least >= 253);
    CHECK(sizes[2].most <= 308);
}

TEST_CASE("the widest event stays within its room") {
    constexpr std::uint64_t kWidest = std::numeric_limits<std::uint64_t>::max();
    const NexmarkGenerator generator({.seed = 7});
    NexmarkEvent event = generator.event(1);
    event.what = NexmarkAuction{.id = kWidest,
                                .seller = kWidest,
                                .initial_bid = kWidest,
                                .reserve = kWidest,
                                .expires_ms = kStart * 1000,
                                .category = std::numeric_limits<std::uint32_t>::max()};
    event.extra_letters = kNexmarkExtraMost;
    std::array<char, kNexmarkRoom + 64> out{};
    out.fill('#');
    const std::size_t size = encode_nexmark(event, out.data());
    CHECK(std::string_view{out.data(), size}.ends_with(R"("}})"));
    CHECK(std::string_view{out.data() + kNexmarkRoom, 64} == std::string(64, '#'));
}

}  // namespace kstream
