# Warnings, hardening and the few flags that every target of ours is compiled with.
#
# Optimization, sanitizers and warnings-as-errors are a developer's or packager's choice: they stand
# in CMakePresets.json. The flags here reach our own targets only, never those that use them.

add_library(kstream_options INTERFACE)

target_compile_options(kstream_options INTERFACE
  -Wall
  -Wextra
  -Wpedantic
  -Wshadow
  -Wconversion
  -Wsign-conversion
  -Wold-style-cast
  -Wcast-qual
  -Wcast-align
  -Wnon-virtual-dtor
  -Woverloaded-virtual
  -Wextra-semi
  -Wformat=2
  -Wimplicit-fallthrough
  -Wundef
  # No path of the building machine in the binary, and one cache entry for all build folders: ccache
  # takes the folder that is left after these into account. The last one that fits counts.
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=."
  "-ffile-prefix-map=${PROJECT_BINARY_DIR}=build"
)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(kstream_options INTERFACE
    -Wduplicated-cond
    -Wduplicated-branches
    -Wlogical-op)
endif()

if(KSTREAM_HARDENING)
  target_compile_options(kstream_options INTERFACE
    -fPIE # not CMake's -fPIC for libraries: it would keep the compiler from inlining across files
    -U_FORTIFY_SOURCE # some distributions define it on their own, at another level
    -D_FORTIFY_SOURCE=3
    -D_GLIBCXX_ASSERTIONS
    -fstack-protector-strong
    -fstack-clash-protection
    -ftrivial-auto-var-init=zero)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(kstream_options INTERFACE -fcf-protection)
  endif()
  target_link_options(kstream_options INTERFACE
    -pie LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

find_program(KSTREAM_CCACHE ccache DOC "Compiler cache, used when it is there")
mark_as_advanced(KSTREAM_CCACHE)
if(KSTREAM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${KSTREAM_CCACHE}")
endif()

# kstream_add_library(NAME [COLD] FOLDERS folder... [PUBLIC lib...] [PRIVATE lib...])
# One library from all .cpp files of the named folders of src/. COLD: no record that is aggregated
# passes through it, nor a loop that is measured.
function(kstream_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "COLD" "" "FOLDERS;PUBLIC;PRIVATE")
  list(TRANSFORM arg_FOLDERS REPLACE "(.+)" "${CMAKE_CURRENT_SOURCE_DIR}/\\1/*.cpp")
  file(GLOB sources CONFIGURE_DEPENDS ${arg_FOLDERS})
  add_library(${name} STATIC ${sources})
  # Not what records pass through, where it is measured: there what the compiler takes into a
  # function is not to depend on which files stand beside it.
  if(arg_COLD OR CMAKE_UNITY_BUILD)
    kstream_compile_together(${name} ${sources})
  endif()
  if(CMAKE_UNITY_BUILD)
    kstream_precompile(${name})
    if(arg_COLD)
      target_compile_options(${name} PRIVATE -O1)
    endif()
  endif()
  target_link_libraries(${name}
    PUBLIC ${arg_PUBLIC}
    PRIVATE ${arg_PRIVATE} "$<BUILD_INTERFACE:kstream_options>")
  # "kafka/handles.hpp" and the like.
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>")
endfunction()
