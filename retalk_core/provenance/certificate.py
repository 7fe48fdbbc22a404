"""The certificate that signs: a real one that was configured, or one that was made on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, RetalkError
from ..unfinished import unfinished_name
from .folder import make_folder

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE_VARIABLE = "RETALK_CERTIFICATE"
LOCAL = "certificate.pem"  # chain and private key
LOCAL_ROOT = "certificate_root.pem"  # what others may trust; no secret
HOLDER = "ReTalk (local)"
DAYS = 3650  # for which a local one holds
LARGEST_PEM = 1_000_000  # of a certificate's file
LONGEST_HOLDER = 48  # of a holder's name: X.509 has room for 64, with what an authority's name ends in
PRIVATE = 0o600


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates and the key of the first."""

    path: Path
    chain: bytes  # PEM: the signer's first, then those above it
    key: bytes  # PEM, PKCS 8, without a passphrase
    algorithm: str  # as C2PA calls it
    holder: str
    until: datetime
    local: bool = False  # it was made on this machine, and nobody else knows it

    def __repr__(self) -> str:  # never with the key
        return f"Certificate({self.path}, {self.holder})"


def find_certificate(
    folder: Path | None, given: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Certificate | None:
    """The certificate that signs, if one is configured.

    folder: of the records, where a local one lies; None: none is looked for
    given:  a PEM file; None: the one that RETALK_CERTIFICATE names, else the local one
    returns: None where there is none, and where RETALK_CERTIFICATE is set but empty: nothing is signed then
    raises: InputError where it can't be used
    """
    named = environment.get(CERTIFICATE_VARIABLE)
    if given is not None or named:
        return read_certificate(given or Path(named or ""))
    if named is not None or folder is None or not (folder / LOCAL).is_file():
        return None
    return read_certificate(folder / LOCAL, local=True)


def read_certificate(path: Path, *, local: bool = False) -> Certificate:
    """Read a PEM file with a chain and its private key, which may lie beside it in a file ending in .key.

    Raises InputError in words, and RetalkError where the library that reads it isn't installed.
    """
    need_libraries()
    from cryptography import x509

    content = _content(path)
    try:
        chain = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise InputError(
            f"{path} holds no certificate in PEM form: give a file with the signer's certificate, those "
            "above it, and the private key."
        ) from error
    key = _private_key(path, content)
    _check(path, chain, key)
    return Certificate(
        path=path,
        chain=b"".join(_pem(each) for each in chain),
        key=_key_pem(key),
        algorithm=_algorithm(path, key),
        holder=_holder(chain[0]),
        until=chain[0].not_valid_after_utc,
        local=local,
    )


def need_libraries() -> None:
    """Raise RetalkError, which says how to get them, where the libraries that sign aren't installed."""
    try:
        import c2pa
        import cryptography  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:  # its native part is loaded, too
        raise RetalkError(
            f"To sign files, or to read what is signed, a library is missing ({error}): run "
            f'"{sys.executable}" -m pip install "c2pa-python>=0.30" "cryptography>=42".'
        ) from error
    del c2pa


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_PEM + 1)
    except OSError as error:
        raise InputError(
            f"The certificate {path} can't be read ({error.strerror}): check the name."
        ) from error
    if len(content) > LARGEST_PEM:
        raise InputError(f"{path} is too large to be a certificate: give a PEM file.")
    return content


def _private_key(path: Path, content: bytes) -> Any:  # noqa: ANN401 - of several classes
    """The key in a certificate's file, or in the one beside it."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    beside = path.with_suffix(".key")
    held = _content(beside) if b"PRIVATE KEY" not in content and beside.is_file() else content
    begins = held.find(b"-----BEGIN", max(held.find(b"PRIVATE KEY") - 40, 0))
    try:
        return load_pem_private_key(held[max(begins, 0) :], password=None)
    except TypeError as error:
        raise InputError(
            f"The private key of {path} is locked with a passphrase: write it without one, readable for you "
            "alone."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path} holds no private key that can be read, nor is there one in {beside.name} beside it: put "
            "the key, in PEM form, into one of them."
        ) from error


def _check(path: Path, chain: list[x509.Certificate], key: Any) -> None:  # noqa: ANN401 - of several classes
    """Refuse what c2pa would refuse in fewer words."""
    leaf, now = chain[0], datetime.now(timezone.utc)
    if leaf.public_key() != key.public_key():
        raise InputError(
            f"The private key of {path} isn't that of its first certificate: put that one first."
        )
    if leaf.issuer == leaf.subject:
        raise InputError(
            f"{path} is signed by itself, which C2PA refuses: it needs one that an authority signed. "
            "`retalk marks certificate` makes one with an authority of its own."
        )
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise InputError(
            f"The certificate {path} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}, which isn't now: get a new one, or check the clock."
        )


def _algorithm(path: Path, key: Any) -> str:  # noqa: ANN401 - of several classes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        found = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(key.curve.name)
        if found:
            return found
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    elif isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise InputError(
        f"The key of {path} is of a kind that C2PA doesn't take: use P-256, P-384, P-521, Ed25519 or RSA."
    )


# A local one


def make_certificate(folder: Path, holder: str = HOLDER, days: float = DAYS) -> Certificate:
    """Make an authority and a certificate that it signs for this machine; its own key is thrown away.

    folder: of the records. The file with the key is readable for its owner alone from its first byte on
    holder: the organisation that viewers show. They call it unknown, since nobody vouches for it
    raises: InputError where there is one already, or where it can't be written
    """
    need_libraries()
    from cryptography.hazmat.primitives.asymmetric import ec

    holder = holder.strip()[:LONGEST_HOLDER] or HOLDER
    place = make_folder(folder) / LOCAL
    if place.exists():
        raise InputError(f"There is a certificate already ({place}): remove that file to make another.")
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    until = datetime.now(timezone.utc) + timedelta(days=days)
    root = _signed(f"{holder}: authority", holder, root_key, root_key, until, authority=True)
    leaf = _signed(holder, holder, key, root_key, until, authority=False)
    try:
        _write_private(folder / LOCAL_ROOT, _pem(root))
        _write_private(place, _pem(leaf) + _pem(root) + _key_pem(key))
    except OSError as error:
        raise InputError(
            f"{place} can't be written ({error.strerror}): check the folder's rights."
        ) from error
    return read_certificate(place, local=True)


def _signed(
    name: str,
    holder: str,
    key: Any,  # noqa: ANN401 - of several classes
    by: Any,  # noqa: ANN401
    until: datetime,
    *,
    authority: bool,
) -> x509.Certificate:
    """A certificate for a key, with what C2PA asks of it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer = name if authority else f"{name}: authority"
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    built = (
        x509.CertificateBuilder()
        .subject_name(_named(name, holder))
        .issuer_name(_named(issuer, holder))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(timezone.utc) - timedelta(minutes=5))  # clocks differ
        .not_valid_after(until)
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .add_extension(_uses(authority=authority), critical=True)
        .add_extension(own, critical=False)
        .add_extension(above, critical=False)
    )
    if not authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        built = built.add_extension(purpose, critical=False)
    return built.sign(by, SHA256())


def _named(name: str, holder: str) -> Any:  # noqa: ANN401 - an x509.Name
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.ORGANIZATION_NAME, holder), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(kind, part) for kind, part in parts])


def _uses(*, authority: bool) -> Any:  # noqa: ANN401 - an x509.KeyUsage
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all. Raises OSError."""
    temporary = unfinished_name(path)
    opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: Any) -> bytes:  # noqa: ANN401 - of several classes
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _holder(certificate: x509.Certificate) -> str:
    """Whom a certificate names: an organisation, or else whoever it is."""
    from cryptography.x509.oid import NameOID

    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        if found := certificate.subject.get_attributes_for_oid(kind):
            return str(found[0].value)
    return certificate.subject.rfc4514_string()
