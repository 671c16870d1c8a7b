// Reads tests/golden: hexadecimal with comments, and texts.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace kstream::testing {

inline std::string golden_text(const std::string& name) {
    const std::filesystem::path tests =
        std::filesystem::path{KSTREAM_TEST_DATA}.parent_path().parent_path();
    std::ifstream file{tests / "golden" / name};
    INFO("golden file " << name);
    REQUIRE(file.good());
    return {std::istreambuf_iterator<char>{file}, {}};
}

// The bytes of a .hex file: pairs of digits, blanks between them, '#' up to the end of the line.
inline std::string golden_bytes(const std::string& name) {
    std::istringstream lines{golden_text(name)};
    std::string digits;
    for (std::string line; std::getline(lines, line);) {
        for (const char c : line.substr(0, line.find('#'))) {
            if (c != ' ') {
                digits.push_back(c);
            }
        }
    }
    REQUIRE(digits.size() % 2 == 0);
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

// For comparisons whose failure a person can read.
inline std::string hex(const std::string& bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        text.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
        text.push_back(kDigits[static_cast<unsigned char>(byte) & 15U]);
    }
    return text;
}

}  // namespace kstream::testing
