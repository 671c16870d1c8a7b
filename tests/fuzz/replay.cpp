// Runs every fuzz target over the inputs that are kept for it, and over each of their beginnings.
//
//   fuzz_replay CORPUS_FOLDER
//
// A file TARGET.txt holds one input a line: printable ASCII as it is, "\\" for a backslash, "\xNN"
// for any other byte. The first failed property aborts, after the input was named.
#include "fuzz/fuzz_target.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace {

using kstream::fuzz::Target;

std::string unescaped(std::string_view line) {
    std::string bytes;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] != '\\') {
            bytes += line[i];
        } else if (line.substr(i + 1, 1) == "\\") {
            bytes += '\\';
            ++i;
        } else {
            bytes += static_cast<char>(std::stoi(std::string{line.substr(i + 2, 2)}, nullptr, 16));
            i += 3;
        }
    }
    return bytes;
}

// In memory of its own, so that a sanitizer sees the first byte that is read after it.
void run(const Target& target, std::string_view input) {
    const auto copy = std::make_unique<char[]>(input.size());
    std::ranges::copy(input, copy.get());
    target.run({copy.get(), input.size()});
}

std::size_t replay(const Target& target, const std::filesystem::path& file) {
    std::ifstream lines{file};
    std::size_t inputs = 0;
    for (std::string line; std::getline(lines, line);) {
        std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(target.name.size()), target.name.data(),
                     line.c_str());
        const std::string input = unescaped(line);
        for (std::size_t size = 0; size <= input.size(); ++size) {
            run(target, std::string_view{input}.substr(0, size));
        }
        ++inputs;
    }
    return inputs;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: fuzz_replay CORPUS_FOLDER\n", stderr);
        return 2;
    }
    bool complete = true;
    for (const Target& target : kstream::fuzz::targets()) {
        const std::string name{target.name};
        const std::size_t inputs = replay(target, std::filesystem::path{argv[1]} / (name + ".txt"));
        std::printf("%s: %zu inputs and all their beginnings\n", name.c_str(), inputs);
        complete = complete && inputs > 0;
    }
    return complete && kstream::fuzz::targets().size() >= 8 ? 0 : 1;
}
