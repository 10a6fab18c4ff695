/** What names and values must look like, in the words of apimachinery's `validation` package; an empty list means well-formed. */

type Complaints = readonly string[];

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const subdomainPattern = whole(subdomain);
const labelPattern = whole(label);

export function dns1123Subdomain(value: string): Complaints {
  return [...maxLength(value, 253), ...subdomainShape(value)];
}

/** The same as declared rules have it (apimachinery api/validate LongName). */
export function longName(value: string): Complaints {
  return [...maxBytes(value, 253), ...subdomainShape(value)];
}

function subdomainShape(value: string): Complaints {
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return subdomainPattern.test(value) ? [] : [regexComplaint(message, subdomain, ['example.com'])];
}

export function dns1123Label(value: string): Complaints {
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  const shape = labelPattern.test(value)
    ? []
    : [subdomainPattern.test(value) ? 'must not contain dots' : regexComplaint(message, label, ['my-name', '123-abc'])];
  return [...maxLength(value, 63), ...shape];
}

const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';

export function dns1035Label(value: string): Complaints {
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  const shape = whole(label1035).test(value) ? [] : [regexComplaint(message, label1035, ['my-name', 'abc-123'])];
  return [...maxLength(value, 63), ...shape];
}

export function wildcardSubdomain(value: string): Complaints {
  const format = `\\*\\.${subdomain}`;
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [
    ...maxLength(value, 253),
    ...(whole(format).test(value) ? [] : [regexComplaint(message, format, ['*.example.com'])]),
  ];
}

export function subdomainWithUnderscore(value: string): Complaints {
  const part = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
  const format = `${part}(\\.${part})*`;
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return [
    ...maxLength(value, 253),
    ...(whole(format).test(value) ? [] : [regexComplaint(message, format, ['example.com'])]),
  ];
}

const keyName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const keyPattern = whole(keyName);
const keyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** A label key: a name, optionally behind a DNS prefix and a slash. */
export function qualifiedName(value: string): Complaints {
  const parts = value.split('/');
  const complaint = regexComplaint(keyMessage, keyName, ['MyName', 'my.name', '123-abc']);
  if (parts.length > 2)
    return [`a valid label key ${complaint} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const name = parts.at(-1) as string;
  return [
    ...(parts.length === 2 ? prefixComplaints(parts[0] as string) : []),
    ...(name === '' ? ['name part must be non-empty'] : maxBytes(name, 63).map((text) => `name part ${text}`)),
    ...(keyPattern.test(name) ? [] : [`name part ${complaint}`]),
  ];
}

function prefixComplaints(prefix: string): Complaints {
  if (prefix === '') return ['prefix part must be non-empty'];
  return longName(prefix).map((text) => `prefix part ${text}`);
}

const labelValueFormat = `(${keyName})?`;
const labelValuePattern = whole(labelValueFormat);

export function labelValue(value: string): Complaints {
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const shape = labelValuePattern.test(value)
    ? []
    : [regexComplaint(message, labelValueFormat, ['MyValue', 'my_value', '12345'])];
  return [...maxBytes(value, 63), ...shape];
}

const configKey = '[-._a-zA-Z0-9]+';

export function configMapKey(value: string): Complaints {
  const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  const shape = whole(configKey).test(value)
    ? []
    : [regexComplaint(message, configKey, ['key.name', 'KEY_NAME', 'key-name'])];
  return [...maxLength(value, 253), ...shape, ...dotDotComplaints(value)];
}

function dotDotComplaints(value: string): Complaints {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Since 1.34 any printable ASCII but `=` names an environment variable. */
export function envVarName(value: string): Complaints {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function portName(value: string): Complaints {
  return [
    ...maxLength(value, 15),
    ...(/^[-a-z0-9]+$/.test(value) ? [] : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
    ...(/[a-z]/.test(value) ? [] : ['must contain at least one letter (a-z)']),
    ...(value.includes('--') ? ['must not contain consecutive hyphens'] : []),
    ...(/^-|-$/.test(value) ? ['must not begin or end with a hyphen'] : []),
  ];
}

export function portNumber(port: number): Complaints {
  return inRange(port, 1, 65_535);
}

export function inRange(value: number, low: number, high: number): Complaints {
  return value >= low && value <= high ? [] : [`must be between ${low} and ${high}, inclusive`];
}

export function percent(value: string): Complaints {
  const message = "a valid percent string must be a numeric string followed by an ending '%'";
  return /^[0-9]+%$/.test(value) ? [] : [regexComplaint(message, '[0-9]+%', ['1%', '93%'])];
}

export function httpHeaderName(value: string): Complaints {
  const message = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return /^[-A-Za-z0-9]+$/.test(value) ? [] : [regexComplaint(message, '[-A-Za-z0-9]+', ['X-Header-Name'])];
}

/** Anything that can stand in a URL as one segment. */
export function pathSegment(value: string): Complaints {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return pathSegmentBeginning(value);
}

/** Anything that such a segment can begin with (apimachinery IsValidPathSegmentPrefix). */
export function pathSegmentBeginning(value: string): Complaints {
  return ['/', '%'].filter((text) => value.includes(text)).map((text) => `may not contain '${text}'`);
}

/** `message (e.g. 'a',  or 'b', regex used for validation is '…')`, with upstream's double blanks. */
export function regexComplaint(message: string, format: string, examples: readonly string[] = []): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${format}')`;
  const list = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${list}regex used for validation is '${format}')`;
}

/** Labels' limits are told in bytes, names' in characters, which are bytes too. */
function maxBytes(value: string, length: number): Complaints {
  return Buffer.byteLength(value) > length ? [`must be no more than ${length} bytes`] : [];
}

function maxLength(value: string, length: number): Complaints {
  return Buffer.byteLength(value) > length ? [`must be no more than ${length} characters`] : [];
}

function whole(format: string): RegExp {
  return new RegExp(`^(?:${format})$`);
}
