// How the processes of a job find each other: the client.id of a totals consumer carries the HTTP
// address of its process, and the description of the consumer group shows it to everybody.
//
//   <application id>-totals-0-consumer-http-worker-1.example-9404
//   <application id>-totals-0-consumer-http6-fe80__1-9404          '_' stands for ':'
//
// Only letters, digits, '.', '_' and '-', as Kafka has always allowed them in a client.id, and at
// most 300 bytes beside the application id.
#pragma once

#include "cli/config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::app {

// The address that others are told: --http-advertise, else the address of --http (with the port
// that it got), or the host name of this machine where that stands for all addresses.
[[nodiscard]] std::string advertised_address(const std::string& configured,
                                             const std::string& listens, std::uint16_t port);

// What is put behind the client.id of a consumer; empty without an address.
[[nodiscard]] std::string client_id_suffix(std::string_view address);

// The address in the client.id of a totals consumer of the job, if it has one.
[[nodiscard]] std::optional<std::string> address_in(std::string_view client_id,
                                                    std::string_view application_id);

}  // namespace kstream::app
