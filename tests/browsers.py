"""The browsers of the tests: the system's own.

As root on Debian or Ubuntu they are installed; elsewhere one line says what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FIREFOX = ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox")
WEBKIT = ("WebKitWebDriver", "/usr/libexec/WebKitWebDriver")
VIRTUAL_SCREEN = ("Xvfb",)
CHINESE_FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
PACKAGES = {
    "Chromium": "chromium",
    "Firefox": "firefox-esr",
    "WebKitGTK's driver": "webkit2gtk-driver",
    "a virtual screen": "xvfb",
    "a Chinese font": "fonts-noto-cjk",
}


def find(names: tuple[str, ...]) -> str | None:
    """The first of these programs that is there."""
    return next((path for name in names if (path := shutil.which(name))), None)


def missing() -> list[str]:
    """What the tests lack on this machine."""
    lacking = [name for name, names in (("Chromium", CHROMIUM), ("Firefox", FIREFOX)) if not find(names)]
    if sys.platform == "linux":  # WebKitGTK is made for no other system
        lacking += [
            name
            for name, names in (("WebKitGTK's driver", WEBKIT), ("a virtual screen", VIRTUAL_SCREEN))
            if not find(names)
        ]
        lacking += [] if _has_chinese_font() else ["a Chinese font"]
    return lacking


def install() -> int:
    """Install what is missing, or say what to install. Exit status 0 when all is there."""
    lacking = missing()
    if not lacking:
        return 0
    packages = [PACKAGES[name] for name in lacking]
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"  installing {', '.join(packages)} for the browser tests")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                print(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                return 1
        lacking = missing()
    if lacking:
        print(
            f"The browser tests need {' and '.join(lacking)}; install {'them' if len(lacking) > 1 else 'it'} and run "
            "make test again "
            f"(Debian, Ubuntu: sudo apt install {' '.join(packages)})",
            file=sys.stderr,
        )
        return 1
    return 0


def _has_chinese_font() -> bool:
    if CHINESE_FONT.exists():
        return True
    listed = (
        subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True)
        if shutil.which("fc-list")
        else None
    )
    return bool(listed and listed.stdout.strip())


if __name__ == "__main__":
    sys.exit(install())
