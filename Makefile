# The two commands are `make run` and `make test`; scripts/ holds what they do.
.PHONY: build run test demo bench chaos coverage screenshots vendor fmt clean

build:    ; @scripts/build.sh
run:      ; @scripts/run.sh serve
test:     ; @scripts/test.sh
demo:     ; @scripts/run.sh demo
bench:    ; @scripts/bench.sh
chaos:    ; @scripts/chaos.sh
coverage: ; @scripts/coverage.sh
screenshots: ; @scripts/album.sh
vendor:   ; @scripts/vendor.sh
fmt:      ; @scripts/cargo.sh fmt --all
clean:    ; @scripts/cargo.sh clean
