"""What the errors of an S3 service say: whose fault it is, and what to do."""

from __future__ import annotations

import botocore.exceptions
import pytest

from dispatch_core.errors import AccessDenied, NoSuchBucket, ServiceError
from dispatch_core.sources import s3_errors
from dispatch_core.sources.s3_errors import FAMILIES, Context, error_of_class, error_of_code

HERE = Context("s3://data/a/", "Amazon S3")
BEHIND = Context("s3://data/a/", "S3 at store.example.org", has_endpoint=True)
ARN = "arn:aws:s3:us-west-2:123456789012:accesspoint/mine"


def text_of(code: str, context: Context = HERE, /, **details: str) -> str:
    return str(error_of_code(response(code, **details), context))


def response(
    code: str, status: int = 400, /, region: str = "", **details: str
) -> dict[str, object]:
    headers = {"x-amz-bucket-region": region} if region else {}
    return {
        "Error": {"Code": code, **details},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }


@pytest.mark.parametrize(
    ("codes", "error", "what", "action"),
    [
        ("InternalError ServiceUnavailable 503 XMinioServerNotInitialized RequestTimeout",
         ServiceError, "usually passes", "Try again later"),
        ("SlowDown SlowDownRead Throttling BandwidthLimitExceeded 429",
         ServiceError, "limits the rate", "Try again later"),
        ("AccessDenied Forbidden 403", AccessDenied, "Listing is denied", "s3:ListBucket"),
        ("AllAccessDisabled AccountProblem UserSuspended NotSignedUp",
         AccessDenied, "has disabled the account", "trying again does not help"),
        ("ExpiredToken TokenRefreshRequired CredentialsExpired",
         AccessDenied, "have expired", "aws sso login"),
        ("InvalidAccessKeyId InvalidToken", AccessDenied, "does not know", "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", AccessDenied, "secret key", "AWS_SECRET_ACCESS_KEY"),
        ("RequestTimeTooSkewed", AccessDenied, "differ by more than 15 minutes", "Set the clock"),
        ("NoSuchBucket InvalidBucketName", NoSuchBucket, "does not exist", "Correct the location"),
        ("NoSuchAccessPoint", NoSuchBucket, "access point does not exist", "Correct the location"),
        ("UserProjectMissing InvalidPayer", AccessDenied, "has to pay", "--request_payer"),
        ("KMS.DisabledException KMS.SomethingNew", AccessDenied, "encrypts", "kms:Decrypt"),
        ("InvalidObjectState", ServiceError, "archived", "Restore it"),
        ("NotImplemented MethodNotAllowed", ServiceError, "does not support",
         "AWS_ENDPOINT_URL_S3"),
        ("KeyTooLongError InvalidURI", ServiceError, "does not accept", "Correct the location"),
    ],
)  # fmt: skip
def test_each_code_says_whose_fault_it_is_and_what_to_do(
    codes: str, error: type[ServiceError], what: str, action: str
) -> None:
    for code in codes.split():
        found = error_of_code(response(code), HERE)

        assert type(found) is error
        assert what in found.issues[0].what
        assert f"({code})" in found.issues[0].what
        assert action in found.issues[0].action


@pytest.mark.parametrize(
    ("code", "details", "said"),
    [
        ("AuthorizationHeaderMalformed", {"Region": "us-west-2"}, "in the region us-west-2"),
        ("PermanentRedirect", {"Endpoint": "data.s3.eu-west-1.amazonaws.com"},
         "at the endpoint data.s3.eu-west-1.amazonaws.com"),
        ("301", {"region": "eu-central-1"}, "in the region eu-central-1"),
        ("IllegalLocationConstraintException",
         {"Message": "The ap-east-1 location constraint is incompatible for the region"},
         "in the region ap-east-1"),
    ],
)  # fmt: skip
def test_a_wrong_region_is_named_as_the_store_names_it(
    code: str, details: dict[str, str], said: str
) -> None:
    assert f"the store says that the bucket is {said}" in text_of(code, **details)


def test_a_wrong_region_says_what_to_set() -> None:
    at_amazon = text_of("AuthorizationHeaderMalformed", Region="us-west-2")
    behind = text_of("IllegalLocationConstraintException", BEHIND, region="us-west-2")
    unknown = text_of("PermanentRedirect", BEHIND, Endpoint="data.s3.eu-west-1.amazonaws.com")

    assert "Set AWS_DEFAULT_REGION to us-west-2;" in at_amazon
    assert "AWS_ENDPOINT_URL_S3" not in at_amazon
    assert behind.endswith(
        "Set AWS_DEFAULT_REGION to us-west-2, and unset AWS_ENDPOINT_URL_S3 or set it to the "
        "endpoint of that region."
    )
    assert unknown.endswith(
        "Set AWS_DEFAULT_REGION to eu-west-1, and unset AWS_ENDPOINT_URL_S3 or "
        "set it to https://s3.eu-west-1.amazonaws.com."
    )


@pytest.mark.parametrize(
    ("endpoint", "region", "setting"),
    [
        ("data.s3-us-west-2.amazonaws.com", "us-west-2", "https://s3-us-west-2.amazonaws.com"),
        ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"),
        ("data.s3.amazonaws.com", "the region of the bucket", "https://s3.amazonaws.com"),
        ("data2.example.org", "the region of the bucket", "https://data2.example.org"),
    ],
)
def test_the_endpoint_of_one_bucket_is_not_set_for_every_bucket(
    endpoint: str, region: str, setting: str
) -> None:
    said = text_of("PermanentRedirect", BEHIND, Endpoint=endpoint)

    assert f"at the endpoint {endpoint}. Set AWS_DEFAULT_REGION to {region}, and" in said
    assert said.endswith(f"set it to {setting}.")


@pytest.mark.parametrize(
    "planted", ["user:planted@host", "http://planted", "planted\n", "<planted>", "planted?x=1"]
)
def test_only_the_name_of_a_region_or_a_host_is_taken_from_a_response(planted: str) -> None:
    for name in ("Region", "Endpoint", "Message"):
        said = text_of("PermanentRedirect", **{name: planted})

        assert "planted" not in said


def test_a_denial_speaks_of_the_requester_who_pays() -> None:
    plain = text_of("AccessDenied")
    unsigned = text_of("AccessDenied", Context("s3://data/a/", "S3", is_signed=False, pays=True))
    paying = text_of("AccessDenied", Context("s3://data/a/", "S3", pays=True))

    assert "if the requester pays for this bucket, set --request_payer requester" in plain
    assert "a bucket for which the requester pays needs credentials" in unsigned
    assert "pays" not in paying


def test_a_denied_access_point_has_a_policy_of_its_own() -> None:
    said = text_of("AccessDenied", Context(f"s3://{ARN}/a/", "Amazon S3", is_arn=True))

    assert "an access point has a policy of its own" in said


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (500, ServiceError, "usually passes"),
        (599, ServiceError, "usually passes"),
        (429, ServiceError, "limits the rate"),
        (403, AccessDenied, "Listing is denied"),
        (301, ServiceError, "wrong region or endpoint"),
        (302, ServiceError, "wrong region or endpoint"),
        (400, ServiceError, "trying again does not help"),
        (402, AccessDenied, "has disabled the account"),
        (404, ServiceError, "refuses the request"),
        (407, ServiceError, "proxy in front of Amazon S3 requires a sign-in"),
        (418, ServiceError, "refuses the request"),
        (200, ServiceError, "Try again later; if the error persists"),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(
    status: int, error: type[ServiceError], said: str
) -> None:
    found = error_of_code(response("SomethingNew", status), HERE)

    assert type(found) is error
    assert said in str(found)
    assert "(SomethingNew)" in str(found)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (botocore.exceptions.NoCredentialsError(), "missing or incomplete"),
        (
            botocore.exceptions.PartialCredentialsError(provider="env", cred_var="planted"),
            "missing or incomplete",
        ),
        (botocore.exceptions.SSOTokenLoadError(error_msg="planted"), "aws sso login"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (
            botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="planted"),
            "aws sso login",
        ),
        (
            botocore.exceptions.CredentialRetrievalError(provider="x", error_msg="planted"),
            "Renew the AWS credentials",
        ),
        (
            botocore.exceptions.EndpointConnectionError(endpoint_url="https://planted"),
            "cannot be reached",
        ),
        (
            botocore.exceptions.ConnectTimeoutError(endpoint_url="https://planted"),
            "cannot be reached",
        ),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://planted"), "usually passes"),
        (
            botocore.exceptions.SSLError(endpoint_url="https://planted", error="planted"),
            "AWS_CA_BUNDLE",
        ),
        (botocore.exceptions.ProxyConnectionError(proxy_url="http://planted"), "HTTPS_PROXY"),
        (botocore.exceptions.ProfileNotFound(profile="planted"), "Check AWS_PROFILE"),
        (botocore.exceptions.ConfigParseError(path="planted"), "files in ~/.aws"),
        (botocore.exceptions.InvalidRegionError(region_name="planted"), "AWS_DEFAULT_REGION"),
        (botocore.exceptions.NoRegionError(), "AWS_DEFAULT_REGION"),
        (
            botocore.exceptions.EndpointResolutionError(msg="Custom endpoint `planted`"),
            "AWS_ENDPOINT_URL_S3",
        ),
        (botocore.exceptions.MissingDependencyException(msg="planted"), "botocore[crt]"),
        (ValueError("Invalid endpoint: planted"), "AWS_ENDPOINT_URL_S3"),
        (PermissionError("planted"), "files in ~/.aws"),
        (botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), "unusable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_of_botocore_says_what_to_set(error: Exception, said: str) -> None:
    found = str(error_of_class(error, HERE))

    assert said in found
    assert type(error).__name__ in found
    assert "planted" not in found


def test_an_access_point_that_cannot_be_used_says_what_to_check() -> None:
    context = Context(f"s3://{ARN}/a/", "Amazon S3", is_arn=True)
    error = botocore.exceptions.UnsupportedS3AccesspointConfigurationError(msg="planted")

    found = error_of_class(error, context)

    assert type(found) is NoSuchBucket
    assert "Check its ARN" in str(found)


def test_every_exception_of_botocore_has_words_of_its_own_or_is_not_about_listing() -> None:
    other = set(
        "ApiVersionNotFoundError AwsChunkedWrapperError CapacityNotAvailableError ChecksumError"
        " DataNotFoundError UnknownServiceError IncompleteReadError InvalidExpressionError"
        " InvalidEndpointDiscoveryConfigurationError InvalidSTSRegionalEndpointsConfigError"
        " MD5UnavailableError MissingParametersError OperationNotPageableError PaginationError"
        " UnknownClientMethodError UnknownServiceStyle UnseekableStreamError WaiterConfigError"
        " WaiterError FlexibleChecksumError UnsupportedServiceProtocolsError ValidationError"
        " UnsupportedS3ControlArnError UnsupportedS3ControlConfigurationError BotoCoreError"
        " UnknownKeyError RangeError UnknownParameterError AliasConflictParameterError"
        " ServiceNotInRegionError InvalidDNSNameError UnStubbedResponseError StubResponseError"
        " StubAssertionError".split()
    )
    classes = {
        name: thing
        for name, thing in vars(botocore.exceptions).items()
        if isinstance(thing, type) and issubclass(thing, botocore.exceptions.BotoCoreError)
    }

    known = s3_errors._CLASSES.keys() | s3_errors._ARN_CLASSES
    without = {
        name
        for name, thing in classes.items()
        if known.isdisjoint(base.__name__ for base in thing.__mro__)
    }

    assert without - other == set()


def test_no_code_is_in_two_families() -> None:
    listed = [code for _, codes in s3_errors._CODES_OF for code in codes.split()]

    assert len(listed) == len(set(listed)) == len(FAMILIES)
