// The Apache combined log format: one line to an object, many objects to counts.
// %h %l %u [%t] "%r" %>s %b "%{Referer}i" "%{User-agent}i" (Apache documentation, mod_log_config)

// Inside quotes Apache writes `"` as `\"` and other odd bytes as \xhh, so a backslash always takes one with it.
const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
const LINE = new RegExp(`^(\\S+) (\\S+) (.+?) \\[([^\\]]+)\\] ${QUOTED} (\\d{3}) (\\d+|-) ${QUOTED} ${QUOTED}$`);
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ESCAPES = { n: "\n", t: "\t", r: "\r" };

// One line as an object, or null when it is not in the format.
export function parseLine(line) {
  const match = LINE.exec(line);
  const time = match && parseTime(match[4]);
  if (!time) {
    return null;
  }
  const [, host, ident, user, , request, status, bytes, referer, agent] = match;
  const [method, path, protocol, ...more] = request.split(" ");
  // What a client sent instead of HTTP stays readable in `request`; it has no method and no path.
  const isHttp = more.length === 0 && Boolean(protocol?.startsWith("HTTP/"));
  return {
    host,
    ident: present(ident),
    user: present(user),
    time,
    request: unescape(request),
    method: isHttp ? method : null,
    path: isHttp ? unescape(path) : null,
    status: Number(status),
    bytes: bytes === "-" ? 0 : Number(bytes),
    referer: present(unescape(referer)),
    agent: present(unescape(agent)),
  };
}

// Counts over entries; networks are the most frequent first.
export function aggregate(entries) {
  const byStatus = {};
  const networks = new Map();
  for (const { host, status } of entries) {
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    const network = networkOf(host);
    networks.set(network, (networks.get(network) ?? 0) + 1);
  }
  const byNetwork = [...networks].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return {
    parsed: entries.length,
    bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0),
    byStatus,
    byNetwork: byNetwork.map(([network, count]) => ({ network, count })),
  };
}

// 192.0.2.17 → 192.0.2.0/24; names and IPv6 addresses are "other".
export function networkOf(host) {
  const parts = host.split(".");
  const isAddress = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
  return isAddress ? `${parts.slice(0, 3).join(".")}.0/24` : "other";
}

// 22/Nov/2026:20:01:02 +0100 → 2026-11-22T19:01:02.000Z, or null when there is no such moment.
function parseTime(text) {
  const match = TIME.exec(text);
  const month = match ? MONTHS.indexOf(match[2]) + 1 : 0;
  if (month === 0) {
    return null;
  }
  const [, day, , year, clock, hours, minutes] = match;
  const moment = new Date(`${year}-${String(month).padStart(2, "0")}-${day}T${clock}${hours}:${minutes}`);
  return Number.isNaN(moment.getTime()) ? null : moment.toISOString();
}

function present(text) {
  return text === "-" ? null : text;
}

function unescape(text) {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, code, character) =>
    code ? String.fromCharCode(parseInt(code, 16)) : (ESCAPES[character] ?? character),
  );
}
