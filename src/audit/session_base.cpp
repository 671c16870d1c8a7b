// The base that a session begins with, and the one that it saves.
#include "audit/session_pass.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/codec/wire.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace kstream::audit {

namespace {

// A frame of one is a key with its total, or a meta record.
constexpr std::uint32_t kMaxFrameBytes = 64U * 1024 * 1024;

}  // namespace

Result<void> Session::each_base_frame(
    const std::function<Result<void>(BaseReader&, BaseReader::Frame)>& visit) {
    const Result<std::unique_ptr<ByteSource>> in = world_.open_base();
    if (!in) {
        return std::unexpected(in.error());
    }
    std::string bytes(kBaseMagic.size(), '\0');
    if (!(*in)->read(bytes) || bytes != kBaseMagic) {
        return cannot_tell(
            fmt::format("--base {}: no base file, or of a newer version", options_.base),
            "name a file that --save-base has written");
    }
    BaseReader frames{job_};
    while (true) {
        std::array<char, 4> head{};
        if (!(*in)->read(head)) {
            return cannot_tell(fmt::format("--base {}: cut off", options_.base),
                               "name a file that --save-base has written");
        }
        const std::uint32_t size = ByteReader{{head.data(), head.size()}}.u32();
        bytes.resize(size > kMaxFrameBytes ? 0 : size);
        if (size > kMaxFrameBytes || !(*in)->read(bytes)) {
            return cannot_tell(fmt::format("--base {}: cut off", options_.base),
                               "name a file that --save-base has written");
        }
        const Result<BaseReader::Frame> frame = frames.take(bytes);
        if (!frame) {
            return std::unexpected(frame.error());
        }
        if (Result<void> visited = visit(frames, *frame); !visited) {
            return visited;
        }
        if (*frame == BaseReader::Frame::end) {
            return {};
        }
    }
}

Result<void> Session::open_base() {
    if (!options_.base.empty()) {
        // All of it once, so that a damaged file is refused before anything rests on it.
        Result<void> read = each_base_frame([this](BaseReader& frames, auto) {
            base_ = frames.metas();
            return Result<void>{};
        });
        if (!read) {
            return read;
        }
        for (const auto& meta : base_) {
            const auto differences = meta ? identity_differences(meta->identity, job_.identity)
                                          : std::vector<std::string>{};
            if (!differences.empty()) {
                return fail(ExitCode::identity,
                            fmt::format("--base {} is of another job or of topics that were "
                                        "replaced: {}",
                                        options_.base, fmt::join(differences, "; ")),
                            "audit without --base");
            }
        }
    }
    if (!options_.save_base.empty()) {
        base_writer_.emplace(job_);
        Result<std::unique_ptr<ByteSink>> out = world_.save_base();
        if (!out) {
            return std::unexpected(std::move(out.error()));
        }
        base_out_ = std::move(*out);
    }
    return {};
}

Result<void> Session::load_base() {
    return each_base_frame([this](BaseReader& frames, BaseReader::Frame frame) -> Result<void> {
        if (frame == BaseReader::Frame::total &&
            !accounts_->take_base(frames.total().state_key, frames.total().row)) {
            return cannot_tell(
                fmt::format("--base {}: a key that is none of the job's", options_.base));
        }
        // Round 1: what is too large is halved here already.
        while (accounts_->over_memory()) {
            todo_.push_back(accounts_->halve());
        }
        return {};
    });
}

Result<void> Session::save_accounts(Pass& pass) {
    if (!base_writer_) {
        return {};
    }
    pass.saved = true;
    base_bytes_.clear();
    if (pass.first) {
        BaseWriter::begin(base_bytes_);
        for (std::size_t q = 0; q < first_->size(); ++q) {
            Meta meta = *(*first_)[q];
            meta.sources = pass.source.progress(q);  // as counted, not as it says
            base_writer_->meta(base_bytes_, static_cast<std::uint32_t>(q), meta);
        }
    }
    Result<void> written;
    accounts_->each([this, &written](std::string_view state_key, const Account& account) {
        if (account.source.there) {
            base_writer_->total(base_bytes_, state_key, account.total_transaction, account.source);
        }
        if (written && base_bytes_.size() > (1U << 20)) {
            written = write_base();
        }
    });
    return written ? write_base() : written;
}

Result<void> Session::write_base() {
    Result<void> written = base_out_->write(base_bytes_);
    base_bytes_.clear();
    return written;
}

Result<void> Session::finish_base() {
    if (!base_writer_ || report_.exit_code() != ExitCode::ok) {
        return {};
    }
    base_writer_->end(base_bytes_);
    if (Result<void> written = write_base(); !written) {
        return written;
    }
    if (Result<void> committed = base_out_->commit(); !committed) {
        return committed;
    }
    report_.saved_base = options_.save_base;
    return {};
}

}  // namespace kstream::audit
