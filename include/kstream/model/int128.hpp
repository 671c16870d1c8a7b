// Integers of 128 bits, which the standard does not have.
#pragma once

namespace kstream {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

}  // namespace kstream
