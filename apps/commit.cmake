# cmake -DSOURCE=... -DOUT=... -P commit.cmake: writes the header with the commit that is built, if it has changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short HEAD OUTPUT_VARIABLE commit ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
execute_process(COMMAND git -C ${SOURCE} rev-parse --show-prefix OUTPUT_VARIABLE below ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT commit OR below)  # of a repository around this one
  set(commit unknown)
elseif(changes)
  string(APPEND commit " with changes")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define GPTKIT_COMMIT \"${commit}\"\n")
