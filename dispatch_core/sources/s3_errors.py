"""What each error of an S3 service means, whose fault it is, and what to do.

The tables cover the codes that Amazon documents for S3 and those that MinIO, Ceph,
Cloudflare R2 and Google Cloud Storage send for the same protocol, and the errors that
botocore raises without a response. An unknown code is judged by its HTTP status.

A message never has the text of the service or of botocore, which may contain a signed
URL or a key; only region names and host names are taken from a response.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dispatch_core.errors import AccessDenied, Issue, NoSuchBucket, ServiceError


@dataclass(frozen=True, slots=True)
class Family:
    """Errors with the same cause: our error, what happened and what to do.

    The texts may contain ``{store}`` (the label of the store), ``{code}``, ``{region}`` (a
    sentence part about the region that the store names) and ``{setting}`` (what to set).
    """

    error: type[ServiceError]
    what: str
    action: str


@dataclass(frozen=True, slots=True)
class Context:
    """Where a request went: ``where`` and ``store`` as shown, and how it was sent."""

    where: str
    store: str
    has_endpoint: bool = False
    is_signed: bool = True
    pays: bool = False
    is_arn: bool = False


_RENEW = "or unset them to read public buckets"

PASSING: Final = Family(
    ServiceError, "{store} failed ({code}), which usually passes", "Try again later"
)
BUSY: Final = Family(
    ServiceError, "{store} limits the rate of requests ({code})", "Try again later"
)
DENIED: Final = Family(
    AccessDenied,
    "Listing is denied ({code})",
    "Request permission to list it (s3:ListBucket), or use other credentials{payer}",
)
PAYER: Final = Family(
    AccessDenied,
    "The requester has to pay for this bucket ({code})",
    "Set --request_payer requester, and use credentials of an account that may be charged",
)
ACCOUNT: Final = Family(
    AccessDenied,
    "The store has disabled the account or the bucket ({code})",
    "Ask the owner of the bucket, or the support of the store; trying again does not help",
)
EXPIRED: Final = Family(
    AccessDenied,
    "The AWS credentials have expired ({code})",
    f"Renew them, for example with aws sso login, {_RENEW}",
)
UNKNOWN_KEY: Final = Family(
    AccessDenied,
    "{store} does not know the AWS access key ({code})",
    "Check AWS_ACCESS_KEY_ID, AWS_PROFILE and AWS_SESSION_TOKEN, and that they are of this "
    f"store, {_RENEW}",
)
WRONG_SECRET: Final = Family(
    AccessDenied,
    "The AWS secret key does not fit the access key ({code})",
    f"Check AWS_SECRET_ACCESS_KEY, and any proxy that changes requests, {_RENEW}",
)
NOT_SIGNED: Final = Family(
    AccessDenied,
    "The AWS credentials are missing or incomplete ({code})",
    f"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, {_RENEW}",
)
CLOCK: Final = Family(
    AccessDenied,
    "The clock of this machine and that of {store} differ by more than 15 minutes ({code})",
    "Set the clock of this machine",
)
NO_BUCKET: Final = Family(
    NoSuchBucket,
    "The bucket does not exist ({code})",
    "Correct the location in the metadata record",
)
NO_ACCESS_POINT: Final = Family(
    NoSuchBucket,
    "The access point does not exist ({code})",
    "Correct the location in the metadata record",
)
NO_OBJECT: Final = Family(
    ServiceError, "The object does not exist ({code})", "Correct the location"
)
ARCHIVED: Final = Family(
    ServiceError, "The object is archived ({code})", "Restore it from the archive first"
)
ENCRYPTED: Final = Family(
    AccessDenied,
    "The key that encrypts the object cannot be used ({code})",
    "Request permission to use the key (kms:Decrypt), or ask its owner to enable it",
)
REGION: Final = Family(
    ServiceError, "The request went to the wrong region or endpoint ({code}){region}", "{setting}"
)
HEADER: Final = Family(
    ServiceError,
    "The signature of the request is not valid for this region or endpoint ({code}){region}",
    "{setting}; if that is right, check AWS_ACCESS_KEY_ID for a typing error",
)
UNSUPPORTED: Final = Family(
    ServiceError,
    "{store} does not support the request ({code})",
    "Check that AWS_ENDPOINT_URL_S3 is the address of an S3 service, and report it if it is",
)
LOCATION: Final = Family(
    ServiceError,
    "{store} does not accept the location ({code})",
    "Correct the location in the metadata record",
)
PROXY: Final = Family(
    ServiceError,
    "The proxy in front of {store} requires a sign-in ({code})",
    "Write the user and the password of the proxy in HTTPS_PROXY",
)
REFUSED: Final = Family(
    ServiceError,
    "{store} refuses the request ({code})",
    "Check the location and AWS_ENDPOINT_URL_S3; if they are right, report the code to the "
    "operator of the store, as trying again does not help",
)
UNKNOWN: Final = Family(
    ServiceError,
    "{store} failed ({code})",
    "Try again later; if the error persists, report the code to the operator of the store",
)

_CODES_OF: Final[tuple[tuple[Family, str], ...]] = (
    (
        PASSING,
        "InternalError InternalFailure InternalServerError ServiceUnavailable ServiceFailure"
        " ServiceUnavailableException ServerNotInitialized XMinioServerNotInitialized Busy"
        " RequestTimeout RequestTimeoutException OperationAborted TemporaryRedirect"
        " DeviceNotActiveError TransactionInProgressException PriorRequestNotComplete"
        " IncompleteBody OperationTimedOut XMinioReadQuorum XMinioWriteQuorum backendError"
        " internalError 408 500 502 503 504",
    ),
    (
        BUSY,
        "SlowDown SlowDownRead SlowDownWrite BandwidthLimitExceeded Throttling ThrottledException"
        " ThrottlingException RequestThrottled RequestThrottledException EC2ThrottledException"
        " RequestLimitExceeded TooManyRequests TooManyRequestsException LimitExceededException"
        " LimitExceeded ProvisionedThroughputExceededException rateLimitExceeded"
        " userRateLimitExceeded 429 509",
    ),
    (
        DENIED,
        "AccessDenied AccessDeniedException Forbidden Unauthorized UnauthorizedAccess"
        " UnauthorizedAccessError AccessForbidden AuthorizationFailed InsufficientPermissions"
        " forbidden 401 403",
    ),
    (PAYER, "InvalidPayer RequesterPays UserProjectMissing UserProjectAccessDenied"),
    (
        ACCOUNT,
        "AllAccessDisabled AccountProblem NotSignedUp UserSuspended AccountSuspended"
        " OptInRequired accountDisabled billingDisabled PaymentRequired BucketSuspended 402",
    ),
    (
        EXPIRED,
        "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired ExpiredRequest"
        " TokenExpired CredentialsExpired",
    ),
    (
        UNKNOWN_KEY,
        "InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException InvalidToken"
        " InvalidTokenId InvalidSecurity InvalidIdentityToken AuthFailure"
        " AccessKeyIdDisabled XMinioInvalidAccessKeyId",
    ),
    (
        WRONG_SECRET,
        "SignatureDoesNotMatch InvalidSignature InvalidSignatureException BadSignature"
        " InvalidSignatureError XAmzContentSHA256Mismatch",
    ),
    (
        NOT_SIGNED,
        "MissingSecurityHeader MissingSecurityElement MissingAuthenticationToken"
        " MissingAuthenticationTokenException IncompleteSignature CredentialsNotSupported"
        " AuthorizationQueryParametersError InvalidAuthorization MissingAuthorization"
        " UnsupportedSignature",
    ),
    (CLOCK, "RequestTimeTooSkewed RequestInTheFuture SignatureTimeSkewed"),
    (NO_BUCKET, "NoSuchBucket InvalidBucketName NoSuchBucketException BucketNotFound"),
    (
        NO_ACCESS_POINT,
        "NoSuchAccessPoint InvalidAccessPoint InvalidAccessPointAliasError"
        " NoSuchMultiRegionAccessPoint NoSuchAccessPointPolicy",
    ),
    (NO_OBJECT, "NoSuchKey NoSuchVersion NoSuchObject ObjectNotFound"),
    (ARCHIVED, "InvalidObjectState ObjectNotInActiveTierError"),
    (
        ENCRYPTED,
        "KMS.DisabledException KMS.InvalidKeyUsageException KMS.KMSInvalidStateException"
        " KMS.NotFoundException KMS.AccessDeniedException KMSAccessDenied InvalidEncryptionKey"
        " ServerSideEncryptionConfigurationNotFoundError",
    ),
    (
        REGION,
        "PermanentRedirect PermanentRedirectControlError"
        " IllegalLocationConstraintException InvalidRegion InvalidLocationConstraint Redirect"
        " EndpointNotFound IncorrectEndpoint InvalidEndpoint WrongRegion UnsupportedRegion"
        " 301 302 307 308",
    ),
    (HEADER, "AuthorizationHeaderMalformed"),
    (PROXY, "ProxyAuthenticationRequired 407"),
    (
        UNSUPPORTED,
        "NotImplemented MethodNotAllowed UnsupportedOperation NotSupported UnsupportedArgument"
        " InvalidArgument InvalidRequest MalformedXML BadRequest InvalidHostHeader"
        " MissingContentLength UnsupportedAlgorithm NotDeviceOwnerError"
        " RequestHeaderSectionTooLarge 400 404 405 411 501",
    ),
    (
        LOCATION,
        "KeyTooLongError KeyTooLong InvalidURI InvalidObjectName XMinioInvalidObjectName"
        " XMinioInvalidResourceName InvalidResourceName InvalidPrefix 414",
    ),
)

FAMILIES: Final[Mapping[str, Family]] = {
    code: family for family, codes in _CODES_OF for code in codes.split()
}
"""Error code or HTTP status -> the family of errors."""

_NO_PROXY = "Check the network, and HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
_CONFIGURATION = "Check AWS_PROFILE and the files in ~/.aws"
_REGION_NAME = "Set AWS_DEFAULT_REGION to the name of a region, such as us-west-2"
_ENDPOINT = "Check AWS_ENDPOINT_URL_S3: it must start with https:// or http://"
_CREDENTIALS = Family(
    AccessDenied,
    "The AWS credentials are not usable ({code})",
    f"Renew the AWS credentials, {_RENEW}",
)
_SIGN_IN = Family(
    AccessDenied,
    "The AWS sign-in has expired or is missing ({code})",
    f"Sign in again, with aws sso login or aws login, {_RENEW}",
)

_CLASSES: Final[Mapping[str, Family]] = {
    "TokenRetrievalError": _SIGN_IN,
    "NoAuthTokenError": _SIGN_IN,
    "SSOError": _SIGN_IN,
    "LoginError": _SIGN_IN,
    "NoCredentialsError": NOT_SIGNED,
    "PartialCredentialsError": NOT_SIGNED,
    "CredentialRetrievalError": _CREDENTIALS,
    "MetadataRetrievalError": _CREDENTIALS,
    "UnknownTokenProviderError": _CREDENTIALS,
    "UnknownCredentialError": _CREDENTIALS,
    "RefreshWithMFAUnsupportedError": _CREDENTIALS,
    "SSLError": Family(
        ServiceError,
        "The certificate of {store} is not accepted ({code})",
        "Set AWS_CA_BUNDLE to the certificates of the store or of your proxy, and check the "
        "clock of this machine",
    ),
    "ProxyConnectionError": Family(
        ServiceError, "The proxy in front of {store} cannot be reached ({code})", _NO_PROXY
    ),
    "InvalidProxiesConfigError": Family(
        ServiceError, "The settings of the proxy cannot be used ({code})", _NO_PROXY
    ),
    "ConnectionError": Family(
        ServiceError,
        "{store} cannot be reached ({code})",
        "Check the network, and AWS_ENDPOINT_URL_S3 and AWS_DEFAULT_REGION if they are set",
    ),
    "ReadTimeoutError": PASSING,
    "HTTPClientError": Family(
        ServiceError,
        "{store} cannot be reached ({code})",
        "Check the network, and AWS_ENDPOINT_URL_S3 if it is set",
    ),
    "ProfileNotFound": Family(
        ServiceError, "The AWS configuration has no such profile ({code})", _CONFIGURATION
    ),
    "MissingDependencyException": Family(
        ServiceError,
        "The location or the credentials need a package that is not installed ({code})",
        "Install it: pip install 'botocore[crt]'",
    ),
    "InvalidRegionError": Family(
        ServiceError, "The AWS region is not the name of a region ({code})", _REGION_NAME
    ),
    "UnknownRegionError": Family(
        ServiceError, "The AWS region is not known ({code})", _REGION_NAME
    ),
    "BaseEndpointResolverError": Family(
        ServiceError, "The AWS region is missing or not known ({code})", _REGION_NAME
    ),
    "EndpointProviderError": Family(
        ServiceError,
        "The AWS region and endpoint do not fit together ({code})",
        "Check AWS_DEFAULT_REGION and AWS_ENDPOINT_URL_S3, which must start with https:// or "
        "http://",
    ),
    "InvalidHostLabelError": LOCATION,
    "InvalidEndpointConfigurationError": Family(
        ServiceError, "The endpoint of {store} cannot be used ({code})", _ENDPOINT
    ),
    "ParamValidationError": Family(
        NoSuchBucket,
        "This is not the name of a bucket ({code})",
        "Correct the location in the metadata record",
    ),
    "UnicodeError": Family(
        ServiceError, "This is not valid Unicode ({code})", "Correct the location"
    ),
    "ValueError": Family(ServiceError, "{store} cannot be used ({code})", _ENDPOINT),
    **dict.fromkeys(
        (
            "ConfigParseError ConfigNotFound InvalidConfigError OSError"
            " InvalidRetryConfigurationError InvalidRetryModeError InvalidDefaultsMode"
            " UnknownSignatureVersionError UnsupportedSignatureVersionError"
            " InvalidChecksumConfigError InvalidS3AddressingStyleError"
            " InvalidS3UsEast1RegionalEndpointConfigError"
            " InvalidIMDSEndpointError InvalidIMDSEndpointModeError"
        ).split(),
        Family(ServiceError, "The AWS configuration cannot be read ({code})", _CONFIGURATION),
    ),
}
"""Class of an exception, or of a base of it -> the family; the nearest base counts."""

_ARN = Family(
    NoSuchBucket,
    "The access point cannot be used ({code})",
    "Check its ARN in the metadata record; an access point of another region needs "
    "AWS_DEFAULT_REGION, and one behind AWS_ENDPOINT_URL_S3 needs the name of the bucket",
)
_ARN_CLASSES: Final = frozenset(
    "UnsupportedS3ArnError UnsupportedS3AccesspointConfigurationError ParamValidationError"
    " UnsupportedOutpostResourceError UnsupportedS3ConfigurationError EndpointProviderError"
    " InvalidHostLabelError".split()
)
_UNUSABLE = Family(ServiceError, "{store} sent an unusable response ({code})", "Try again")


def error_of_code(response: Mapping[str, Any], context: Context) -> ServiceError:
    """Our error for a response of the service; `response` is botocore's dictionary."""
    details = response.get("Error", {})
    code = str(details.get("Code", "unknown"))
    status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    family = FAMILIES.get(code) or _by_status(code, status)
    if family in (DENIED, ACCOUNT) and context.is_arn:
        family = Family(
            family.error, family.what, f"{family.action}; an access point has a policy of its own"
        )
    return _error(family, code, context, _named(response))


def _by_status(code: str, status: str) -> Family:
    """The family of a code that is not in the table."""
    if code.startswith("KMS."):
        return ENCRYPTED
    if status.startswith("5"):
        return PASSING
    is_plain = status in ("401", "402", "403", "405", "407", "408", "429") or status[:1] == "3"
    if is_plain and status in FAMILIES:
        return FAMILIES[status]
    return REFUSED if status.startswith("4") else UNKNOWN


def error_of_class(error: Exception, context: Context) -> ServiceError:
    """Our error for an exception of botocore that has no response."""
    kinds = [base.__name__ for base in type(error).__mro__]
    if context.is_arn and not _ARN_CLASSES.isdisjoint(kinds):
        return _error(_ARN, kinds[0], context)
    family = next((_CLASSES[kind] for kind in kinds if kind in _CLASSES), _UNUSABLE)
    return _error(family, kinds[0], context)


def _error(
    family: Family, code: str, context: Context, named: tuple[str, str] = ("", "")
) -> ServiceError:
    texts = {
        "store": context.store,
        "code": code,
        "region": _about_region(*named),
        "setting": _what_to_set(*_of_every_bucket(*named, context), context.has_endpoint),
        "payer": _about_payer(context),
    }
    return family.error(
        Issue(family.what.format(**texts), context.where, family.action.format(**texts))
    )


_REGION = re.compile(r"[a-z]{2,12}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}|EU|auto|[a-z]{2,20}-?[0-9]{0,2}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?::[0-9]{1,5})?")


def _named(response: Mapping[str, Any]) -> tuple[str, str]:
    """(region, endpoint) that the store names for the bucket, each "" if it names none."""
    details = response.get("Error", {})
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = str(details.get("Region") or headers.get("x-amz-bucket-region") or "")
    if not region:
        # S3 names it only in the sentence: "The us-west-2 location constraint is incompatible"
        found = re.search(r"[Tt]he (\S+) location constraint", str(details.get("Message", "")))
        region = found[1] if found else ""
    endpoint = str(details.get("Endpoint") or "")
    return (
        region if _REGION.fullmatch(region) else "",
        endpoint if _HOST.fullmatch(endpoint) else "",
    )


def _about_region(region: str, endpoint: str) -> str:
    facts = [f"in the region {region}"] if region else []
    facts += [f"at the endpoint {endpoint}"] if endpoint else []
    return f"; the store says that the bucket is {' and '.join(facts)}" if facts else ""


_REGION_OF_HOST = re.compile(r"s3[.-](?:dualstack\.)?([a-z-]+-[0-9])\.amazonaws\.com(?:\.cn)?")


def _of_every_bucket(region: str, endpoint: str, context: Context) -> tuple[str, str]:
    """(region, endpoint) for a setting, where Amazon names an endpoint of one bucket alone."""
    bucket = context.where.removeprefix("s3://").partition("/")[0]
    endpoint = endpoint.removeprefix(f"{bucket}.")
    of_host = _REGION_OF_HOST.fullmatch(endpoint)
    return region or (of_host[1] if of_host else ""), endpoint


def _what_to_set(region: str, endpoint: str, has_endpoint: bool) -> str:
    settings = f"Set AWS_DEFAULT_REGION to {region or 'the region of the bucket'}"
    if not has_endpoint:
        return settings
    other = f"set it to https://{endpoint}" if endpoint else "set it to the endpoint of that region"
    return f"{settings}, and unset AWS_ENDPOINT_URL_S3 or {other}"


def _about_payer(context: Context) -> str:
    if context.pays and context.is_signed:
        return ""
    if context.pays:
        return "; a bucket for which the requester pays needs credentials"
    return "; if the requester pays for this bucket, set --request_payer requester"
