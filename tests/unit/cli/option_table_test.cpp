// The table itself, and everything that is read off it: nothing is missing anywhere.
#include "cli/option_table.hpp"

#include "cli/documents.hpp"
#include "kstream/exit_code.hpp"
#include "kstream/model/property_rules.hpp"
#include "support/cli_fixture.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace kstream::cli {
namespace {

// Calls with every option of every subcommand.
template <typename Check>
void for_each_option(Check check) {
    for (const SubcommandSpec& spec : subcommands()) {
        for (const OptionSpec& option : option_table()) {
            if (const Binding* binding = option.binding(spec.id)) {
                INFO("kstream " << spec.name << " --" << option.name);
                check(spec, option, *binding);
            }
        }
    }
}

}  // namespace

TEST_CASE("Names are unique within a subcommand, environment names mean one thing") {
    std::set<std::pair<Subcommand, std::string>> names;
    std::map<std::string, const OptionSpec*> environment;
    for_each_option([&](const SubcommandSpec& spec, const OptionSpec& option, const Binding&) {
        CHECK(names.emplace(spec.id, option.name).second);
        if (option.short_name != '\0') {
            CHECK(names.emplace(spec.id, std::string(1, option.short_name)).second);
        }
        CHECK(environment.try_emplace(option.environment_name(), &option).first->second == &option);
    });
}

TEST_CASE("Every default is a value that the option itself takes") {
    for_each_option(
        [](const SubcommandSpec& spec, const OptionSpec& option, const Binding& binding) {
            const Command defaults = default_command(spec.id);
            const auto values = binding.get(defaults, option.rules);
            CHECK((!values.empty() || !option.absent.empty()));
            Command command = default_command(spec.id);
            for (const std::string& value : values) {
                CHECK(binding.set(command, option.rules, value) == std::nullopt);
            }
            if (!option.repeatable) {
                CHECK(binding.get(command, option.rules) == values);
            }
        });
}

TEST_CASE("Every option stands in help, manual page, document and completion") {
    const std::string man = man_page("1.2.3");
    const std::string document = configuration_doc();
    const std::string completion = bash_completion();
    for_each_option([&](const SubcommandSpec& spec, const OptionSpec& option, const Binding&) {
        const std::string flag = "--" + std::string(option.name);
        CHECK(help_text(spec.id).contains(flag));
        std::string roff = "\\fB\\-\\-";
        for (const char c : option.name) {
            roff += c == '-' ? "\\-" : std::string(1, c);
        }
        CHECK(man.contains(roff + "\\fR"));
        CHECK(document.contains("`" + option.environment_name() + "`"));
        CHECK(document.contains(option.help));
        CHECK(completion.contains(flag));
    });
}

TEST_CASE("Exit codes and refused properties stand where people look for them") {
    for (const ExitCodeText& code : kExitCodes) {
        CHECK(exit_codes_text().contains(std::to_string(to_int(code.code))));
        CHECK(help_text(Subcommand::aggregate).contains(code.meaning.substr(0, 20)));
        CHECK(configuration_doc().contains(code.meaning));
        CHECK(man_page("1").contains(".B " + std::to_string(to_int(code.code)) + "\n"));
    }
    for (const RefusedProperty& refused : kRefusedProperties) {
        CHECK(configuration_doc().contains("| `" + std::string(refused.name) + "` |"));
    }
}

TEST_CASE("Help fits a terminal of 80 columns") {
    for (const SubcommandSpec& spec : subcommands()) {
        std::string rest = help_text(spec.id);
        while (!rest.empty()) {
            const std::string line = rest.substr(0, rest.find('\n'));
            rest.erase(0, std::min(rest.size(), line.size() + 1));
            INFO(line);
            // The default list of brokers is one word.
            CHECK((line.size() <= 80 || line.contains(kDefaultBrokers)));
        }
    }
}

TEST_CASE("Ranges and defaults are reported in the words of the option") {
    const auto named = [](std::string_view name) {
        return *std::ranges::find(option_table(), name, &OptionSpec::name);
    };
    CHECK(range_text(named("workers").rules) == "1 .. 64");
    CHECK(range_text(named("commit-interval").rules) == "1ms .. 1m");
    CHECK(range_text(named("log-format").rules) == "text, json");
    CHECK(range_text(named("seed").rules).empty());
    CHECK(default_text(named("rate"), Subcommand::produce) == "as fast as possible");
    CHECK(default_text(named("application-id"), Subcommand::aggregate) == "kstream");
    CHECK(default_text(named("application-id"), Subcommand::reset) == "required");
}

TEST_CASE("The printed configuration is a file that gives the same configuration") {
    const std::vector<std::vector<std::string>> runs{
        {"produce", "--count", "5", "--rate", "2.5", "--json", "-X", "linger.ms=7"},
        {"create-topics", "--wait", "30", "--topic-config", "source.retention.ms=1"},
        {"aggregate"},
        {"aggregate", "--group-by", R"(a\"b,c\,d,\5)", "--count", "n", "--sum",
         R"(x\=1\ =y\ #\ z\\)", "--until", "end", "--from", "2026-11-24T00:00:00.5Z",
         "--keep-deltas", "48h", "--log-format", "json"},
        {"reset", "--application-id", "a", "--yes"},
        {"bench", "--scenario", "restore", "--keys", "5k", "--rounds", "2"}};
    for (const auto& words : runs) {
        std::vector<std::string> printing = words;
        printing.emplace_back("--print-config");
        const std::string printed = text_from(printing);
        const TemporaryFile file(printed);
        INFO(printed);
        const std::string again = text_from({words[0], "--config", file.path(), "--print-config"});
        // The same lines but for the origins, which stand after the values.
        const auto without_origins = [](std::string text) {
            for (std::size_t at = 0; (at = text.find("  # ", at)) != std::string::npos;) {
                text.erase(at, text.find('\n', at) - at);
            }
            return text;
        };
        CHECK(without_origins(printed) == without_origins(again));
        CHECK(again.contains(file.path() + ":"));
    }
}

TEST_CASE("The printed configuration names origins and redacts secrets") {
    const TemporaryFile file("log-level = warn\n[client]\nssl.key.password = hunter2\n");
    const std::string printed =
        text_from({"aggregate", "--config", file.path(), "--workers", "2", "--print-config"},
                  {{"KSTREAM_TOPIC", "t"}, {"KSTREAM_X_SASL_PASSWORD", "hunter2"}});
    CHECK(printed.contains("workers = \"2\"  # --workers\n"));
    CHECK(printed.contains("topic = \"t\"  # KSTREAM_TOPIC\n"));
    CHECK(printed.contains("log-level = \"warn\"  # " + file.path() + ":1: log-level\n"));
    CHECK(printed.contains("scale = \"9\"  # default\n"));
    CHECK(printed.contains("# http is not set: off\n"));
    CHECK(printed.contains("# sasl.password = <redacted>  # KSTREAM_X_SASL_PASSWORD\n"));
    CHECK(printed.contains("# ssl.key.password = <redacted>  # " + file.path() + ":3"));
    CHECK_FALSE(printed.contains("hunter2"));
}

TEST_CASE("Words are wrapped, none is lost") {
    CHECK(wrapped("aa bb cc", 5, 2) == "aa bb\n  cc");
    CHECK(wrapped("aaaaaaaa b", 3, 0) == "aaaaaaaa\nb");
    CHECK(wrapped("", 3, 0).empty());
}

}  // namespace kstream::cli
