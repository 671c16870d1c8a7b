#include "kstream/codec/nexmark_encoder.hpp"

#include "codec/record_writer.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <variant>

namespace kstream {

namespace {

constexpr std::array<std::string_view, kNexmarkFirstNames> kGivenNames{
    "Ana", "Bia", "Caio", "Davi", "Eva", "Gil", "Hugo", "Iris", "Joana", "Lia", "Otto"};
constexpr std::array<std::string_view, kNexmarkLastNames> kFamilyNames{
    "Alves", "Braga", "Costa", "Dias", "Lima", "Melo", "Nunes", "Prado", "Souza"};
// Nexmark's own: a query asks for some of the states.
constexpr std::array<std::string_view, kNexmarkCities> kUsCities{
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<std::string_view, kNexmarkStates> kUsStates{"AZ", "CA", "ID",
                                                                 "OR", "WA", "WY"};
constexpr std::array<std::string_view, kNexmarkHotChannels> kNamedChannels{"Google", "Facebook",
                                                                           "Baidu", "Apple"};

constexpr std::size_t kTimeSize = 24;

// An auction is the longest event: its names, numbers, times and letters.
constexpr std::size_t kWidestNexmark = 200 + 5 * kWidestI64 + 2 * kTimeSize + kNexmarkNameLetters +
                                       kNexmarkDescriptionLetters + kNexmarkExtraMost +
                                       RandomText::kSlack;
static_assert(kWidestNexmark <= kNexmarkRoom);

// What is written of one event, with the letters that it has.
struct NexmarkWriter : RecordWriter {
    NexmarkWriter(char* at, const RandomText& letters) : RecordWriter(at), text_(letters) {}

    void letters(std::size_t count) { go_to(text_.write(at(), count)); }

    // In so many digits, which it fits into.
    void digits(std::uint64_t value, int count) {
        char* const begin = at();
        for (int i = count - 1; i >= 0; --i, value /= 10) {
            begin[i] = static_cast<char>('0' + value % 10);
        }
        go_to(begin + count);
    }

    // 2023-11-14T22:13:20.000Z, always with milliseconds.
    void time(std::int64_t milliseconds) {
        namespace chrono = std::chrono;
        const chrono::sys_time<chrono::milliseconds> instant{chrono::milliseconds{milliseconds}};
        const auto day = chrono::floor<chrono::days>(instant);
        const chrono::year_month_day date{day};
        const auto of_day = static_cast<std::uint64_t>((instant - day).count());
        digits(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
        character('-');
        digits(static_cast<unsigned>(date.month()), 2);
        character('-');
        digits(static_cast<unsigned>(date.day()), 2);
        character('T');
        digits(of_day / 3'600'000, 2);
        character(':');
        digits(of_day / 60'000 % 60, 2);
        character(':');
        digits(of_day / 1000 % 60, 2);
        character('.');
        digits(of_day % 1000, 3);
        character('Z');
    }

private:
    RandomText text_;
};

void write(NexmarkWriter& out, const NexmarkPerson& person, std::int64_t time_ms) {
    constexpr std::uint64_t kGroup = 10'000;
    out.text(R"({"event_type":0,"person":{"id":)");
    out.number(person.id);
    out.text(R"(,"name":")");
    out.text(kGivenNames[person.first_name]);
    out.character(' ');
    out.text(kFamilyNames[person.last_name]);
    out.text(R"(","emailAddress":")");
    out.letters(7);
    out.character('@');
    out.letters(5);
    out.text(R"(.com","creditCard":")");
    out.digits(person.credit_card / kGroup / kGroup / kGroup, 4);
    out.character(' ');
    out.digits(person.credit_card / kGroup / kGroup % kGroup, 4);
    out.character(' ');
    out.digits(person.credit_card / kGroup % kGroup, 4);
    out.character(' ');
    out.digits(person.credit_card % kGroup, 4);
    out.text(R"(","city":")");
    out.text(kUsCities[person.city]);
    out.text(R"(","state":")");
    out.text(kUsStates[person.state]);
    out.text(R"(","dateTime":")");
    out.time(time_ms);
    out.text(R"(","extra":")");
}

void write(NexmarkWriter& out, const NexmarkAuction& auction, std::int64_t time_ms) {
    out.text(R"({"event_type":1,"auction":{"id":)");
    out.number(auction.id);
    out.text(R"(,"itemName":")");
    out.letters(kNexmarkNameLetters);
    out.text(R"(","description":")");
    out.letters(kNexmarkDescriptionLetters);
    out.text(R"(","initialBid":)");
    out.number(auction.initial_bid);
    out.text(R"(,"reserve":)");
    out.number(auction.reserve);
    out.text(R"(,"dateTime":")");
    out.time(time_ms);
    out.text(R"(","expires":")");
    out.time(auction.expires_ms);
    out.text(R"(","seller":)");
    out.number(auction.seller);
    out.text(R"(,"category":)");
    out.number(auction.category);
    out.text(R"(,"extra":")");
}

void write(NexmarkWriter& out, const NexmarkBid& bid, std::int64_t time_ms) {
    out.text(R"({"event_type":2,"bid":{"auction":)");
    out.number(bid.auction);
    out.text(R"(,"bidder":)");
    out.number(bid.bidder);
    out.text(R"(,"price":)");
    out.number(bid.price);
    out.text(R"(,"channel":")");
    const bool hot = bid.channel < kNexmarkHotChannels;
    const std::uint32_t number = bid.channel - kNexmarkHotChannels;
    if (hot) {
        out.text(kNamedChannels[bid.channel]);
    } else {
        out.text("channel-");
        out.number(number);
    }
    out.text(R"(","url":"https://www.nexmark.com/)");
    for (int part = 0; part < 3; ++part) {
        out.letters(5);
        out.character('/');
    }
    out.text("item.htm?query=1");
    if (!hot) {
        out.text("&channel_id=");
        out.number(number);
    }
    out.text(R"(","dateTime":")");
    out.time(time_ms);
    out.text(R"(","extra":")");
}

}  // namespace

std::size_t encode_nexmark(const NexmarkEvent& event, char* out) {
    NexmarkWriter written(out, event.text);
    std::visit([&](const auto& what) { write(written, what, event.time_ms); }, event.what);
    written.letters(event.extra_letters);
    written.text(R"("}})");
    return static_cast<std::size_t>(written.at() - out);
}

}  // namespace kstream
