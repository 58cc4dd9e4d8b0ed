"""A connection as Marvin has it: sends a command object, follows its job to its end, and answers with attributes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from harness.cloud.client import ApiError, CloudApi
from harness.waiting import wait_until

from .cloudstackException import CloudstackAPIException, InvalidParameterException
from .jsonHelper import jsonLoader, loaded

PENDING, SUCCEEDED = 0, 1
_OWN = frozenset({"isAsync", "required", "typeInfo"})


class CSConnection:
    def __init__(
        self, mgmtDet: Any, asyncTimeout: float = 3600, logger: logging.Logger | None = None, path: str = "client/api"
    ) -> None:
        self.mgtDetails = mgmtDet
        self.asyncTimeout = asyncTimeout
        self.logger = logger or logging.getLogger(__name__)
        scheme = "https" if mgmtDet.useHttps == "True" else "http"
        endpoint = f"{scheme}://{mgmtDet.mgtSvrIp}:{mgmtDet.port}/{path}"
        self._api = CloudApi(endpoint, mgmtDet.apiKey, mgmtDet.securityKey)

    def __copy__(self) -> CSConnection:
        return CSConnection(self.mgtDetails, self.asyncTimeout, self.logger)

    def marvinRequest(self, cmd: Any, response_type: object = None, method: str = "GET", data: str = "") -> Any:
        """What CloudStack answers, as attributes; a list for a list command, and None for an empty one.

        Raises:
            CloudstackAPIException: it refuses, or the job fails.
            DeadlineExpired: the job is not done in time.
        """
        name = type(cmd).__name__.removesuffix("Cmd")
        parameters = self._parameters(cmd)
        self.logger.debug("%s %s", name, parameters)
        try:
            answer = self._api.call(name, **parameters)
            if cmd.isAsync == "true" and "jobid" in answer:
                answer = self._followed(name, str(answer["jobid"]))
        except ApiError as refused:
            raise CloudstackAPIException(name, f"errorCode: {refused.code}, errorText:{refused.text}") from None
        self.logger.debug("%s answered %s", name, answer)
        return _unwrapped(answer)

    def _followed(self, name: str, job_id: str) -> dict[str, Any]:
        job = wait_until(
            f"job {job_id} of {name}",
            lambda: self._api.call("queryAsyncJobResult", jobid=job_id),
            lambda seen: int(seen["jobstatus"]) != PENDING,
            self.asyncTimeout,
            longest_pause_s=0.5,
        )
        result: dict[str, Any] = job.get("jobresult") or {}
        if int(job["jobstatus"]) != SUCCEEDED:
            text = f"errorCode: {result.get('errorcode')}, errorText:{result.get('errortext')}"
            raise CloudstackAPIException(name, text)
        return result

    def _parameters(self, cmd: Any) -> dict[str, object]:
        given = {name: value for name, value in vars(cmd).items() if name not in _OWN and value not in (None, [])}
        for name in cmd.required:
            if name not in given:
                raise InvalidParameterException(f"{type(cmd).__name__}: {name} is required")
        sent: dict[str, object] = {}
        for name, value in given.items():
            if isinstance(value, list) and isinstance(value[0], Mapping):
                entries = [
                    (f"{name}[{index}].{key}", part) for index, each in enumerate(value) for key, part in each.items()
                ]
                sent |= entries
            else:
                sent[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return sent


def _unwrapped(answer: dict[str, Any]) -> Any:
    if "count" in answer:
        return next((loaded(value) for name, value in answer.items() if name != "count"), None)
    if not answer:
        return None
    values = list(answer.values())
    return loaded(values[0]) if len(values) == 1 and isinstance(values[0], Mapping | list) else jsonLoader(answer)
