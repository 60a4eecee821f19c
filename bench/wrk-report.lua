-- SPDX-License-Identifier: BSD-2-Clause
--
-- Prints what wrk has measured as one line of JSON behind the word REPORT.
-- No per-request hook: those would slow wrk down. Times are in microseconds.
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format(
		'REPORT {"requests": %d, "duration_us": %d, "p50": %d, "p99": %d, "max": %d, "errors": %d, "timeouts": %d}\n',
		summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
		e.connect + e.read + e.write + e.status, e.timeout))
end
