"""What is said of the machine that a number was measured on."""

import platform

import pytest

from trainers import environment

CORE = "processor\t: {}\nmodel name\t: {}\nflags\t\t: fpu sse {}\n\n"


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ("avx2 avx512f avx512_bf16", "A Processor 9: X with AVX-512 and bfloat16, "),
        ("avx2 avx512f amx_bf16", "A Processor 9: X with AVX-512 and bfloat16, "),
        ("avx avx2", "A Processor 9: X with AVX2, "),
        ("avx", "A Processor 9: X, "),
    ],
)
def test_hardware_says_what_the_processor_computes_with(flags, shown, tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    path.write_text(
        CORE.format(0, "A Processor 9: X", flags) + CORE.format(1, "another", "avx512f")
    )
    monkeypatch.setattr(environment, "CPUINFO", path)
    assert environment.hardware().startswith(shown)


def test_without_a_list_of_processors_there_is_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "absent")
    name = platform.processor() or platform.machine()
    assert environment.hardware().startswith(f"{name}, ")
