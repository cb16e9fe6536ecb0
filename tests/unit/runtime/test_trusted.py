"""Certificates are read only where they are needed, and never left out where they are."""

import ssl

import pytest

from shared.runtime.trusted import trusted


@pytest.mark.parametrize("url", ["https://gateway.example", "HTTPS://gateway.example/v1"])
def test_one_https_address_among_others_gets_the_machines_certificates(url: str) -> None:
    assert trusted(["http://127.0.0.1:8080", url]) is True


def test_plain_addresses_get_a_context_that_refuses_whoever_answers_by_tls_all_the_same() -> None:
    context = trusted(["http://127.0.0.1:8080", "http://earning:8080/https:"])
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname, context.get_ca_certs()) == (ssl.CERT_REQUIRED, True, [])
