# cmake --install: the public headers (lib/gptkit), the static libraries, and the files behind
# find_package(gptkit).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/gptkit)

get_property(libraries GLOBAL PROPERTY GPTKIT_LIBRARIES)
install(TARGETS ${libraries} EXPORT gptkit-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(GPTKIT_TORCH)
  install(DIRECTORY gptkit DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN inside EXCLUDE)
endif()

configure_package_config_file(gptkit-config.cmake.in gptkit-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(gptkit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT gptkit-targets NAMESPACE gptkit:: DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/gptkit-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/gptkit-config-version.cmake
              ${PROJECT_SOURCE_DIR}/third_party/dependencies.cmake
        DESTINATION ${package_folder})
