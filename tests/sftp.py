"""An SFTP server on loopback, of one user and one folder."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import asyncssh


class _Door(asyncssh.SSHServer):
    def __init__(self, server: "Sftp") -> None:
        self.server = server

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("books", "s3cret of the books")

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.get_fingerprint() in self.server.trusted


class _Files(asyncssh.SFTPServer):
    """Goes away after so many bytes where it is told to."""

    server: "Sftp"

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        if self.server.left is not None:
            self.server.left -= len(data)
            if self.server.left < 0:
                self.channel.get_connection().abort()
                raise asyncssh.SFTPConnectionLost("gone")
        return super().write(file_obj, offset, data)


class Sftp:
    """Runs in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.trusted: set[str] = set()
        self.left: int | None = None
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def host_key(self) -> str:
        return self.key.export_public_key().decode().strip()

    def __enter__(self) -> "Sftp":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    async def _serve(self) -> None:
        files = type("Files", (_Files,), {"server": self})
        self._server = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[self.key], server_factory=lambda: _Door(self),
            sftp_factory=lambda channel: files(channel, chroot=str(self.folder)),
        )  # fmt: skip
        self.port = self._server.get_port()

    def __exit__(self, *_what: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
