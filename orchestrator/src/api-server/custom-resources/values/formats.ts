import { isIPv4, isIPv6 } from 'node:net';
import { requestUriComplaint } from '../../../cel/library/go-url.ts';
import { dns1123Label, dns1123Subdomain } from '../../resources/names.ts';

type Check = (text: string) => boolean;

const uuid = (version: string, variant = '') =>
  pattern(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant || '[0-9a-f]'}[0-9a-f]{3}-?[0-9a-f]{12}$`, 'i');

const byte = '(?:0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])';

/** Formats of strings that are checked, by their names without dashes; others mean nothing (apiextensions formats.go). */
const checks: Readonly<Record<string, Check>> = {
  bsonobjectid: pattern('^[0-9a-fA-F]{24}$'),
  uri: (text) => requestUriComplaint(text) === undefined,
  email: pattern('^(?:[^<>]*<)?[^\\s@<>"(),:;\\[\\\\\\]]+@[^\\s@<>"(),:;\\[\\\\\\]]+>?$'),
  hostname: isHostname,
  ipv4: (text) => text.includes('.') && (isIPv4(withoutLeadingZeros(text)) || (isIPv6(text) && !text.includes('%'))),
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  cidr: isCidr,
  mac: pattern(
    '^(?:(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\\1){4}(?:(?:[0-9a-f]{2}\\1){2}|(?:[0-9a-f]{2}\\1){14})?[0-9a-f]{2}|(?:[0-9a-f]{4}\\.){2}(?:[0-9a-f]{4}\\.)?(?:(?:[0-9a-f]{4}\\.){6})?[0-9a-f]{4}|[0-9a-f]{12}(?:[0-9a-f]{4}|[0-9a-f]{28})?)$',
    'i',
  ),
  uuid: uuid('[0-9a-f]'),
  uuid3: uuid('3'),
  uuid4: uuid('4', '[89ab]'),
  uuid5: uuid('5', '[89ab]'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: pattern('^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$'),
  rgbcolor: pattern(`^rgb\\(\\s*${byte}\\s*,\\s*${byte}\\s*,\\s*${byte}\\s*\\)$`),
  byte: pattern('^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$'),
  password: () => true,
  date: isDate,
  duration: isDuration,
  datetime: isDateTime,
  k8sshortname: (text) => dns1123Label(text).length === 0,
  k8slongname: (text) => dns1123Subdomain(text).length === 0,
};

/** The format as far as it is known for a type; else undefined, as if there were none. */
export function knownFormat(type: string, format: string | undefined): string | undefined {
  if (!format) return undefined;
  if (type === '' || type === 'string') return Object.hasOwn(checks, nameOf(format)) ? format : undefined;
  if (type === 'integer') return format === 'int32' || format === 'int64' ? format : undefined;
  return type === 'number' && (format === 'float' || format === 'double') ? format : undefined;
}

export function hasFormat(text: string, format: string): boolean {
  return checks[nameOf(format)]?.(text) ?? true;
}

function nameOf(format: string): string {
  return format.replaceAll('-', '');
}

function pattern(source: string, flags = ''): Check {
  const compiled = new RegExp(source, flags);
  return (text) => compiled.test(text);
}

function isHostname(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  const labels = text.split('.');
  if (labels.some((label) => label.length > 63)) return false;
  if (labels.length === 1) return /^[a-zA-Z0-9\p{S}\p{L}](?:-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?$/u.test(text);
  const inner = /^[a-zA-Z0-9\p{S}\p{L}](?:[-a-zA-Z0-9\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?$/u;
  return labels.slice(0, -1).every((label) => inner.test(label)) && /^[a-zA-Z\p{L}]{2,63}$/u.test(labels.at(-1) ?? '');
}

function withoutLeadingZeros(text: string): string {
  return text.replace(/(^|\.)0+(?=\d)/g, '$1');
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  if (isIPv4(withoutLeadingZeros(address))) return Number(bits) <= 32;
  return isIPv6(address) && !address.includes('%') && Number(bits) <= 128;
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^[0-9]{9}[0-9X]$/.test(digits)) return false;
  const sum = [...digits].reduce((total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^[0-9]{13}$/.test(digits)) return false;
  const sum = [...digits].slice(0, 12).reduce((total, digit, i) => total + (i % 2 === 0 ? 1 : 3) * Number(digit), 0);
  return Number(digits[12]) === (10 - (sum % 10)) % 10;
}

const cards =
  /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/;

/** The last digit is Luhn's sum. */
function isCreditCard(text: string): boolean {
  const digits = text.replace(/[^0-9]+/g, '');
  if (!cards.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!match) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  const match = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/.exec(time);
  if (!match || !isDate(date)) return false;
  return Number(match[1]) <= 23 && Number(match[2]) <= 59 && Number(match[3]) <= 59;
}

/** Go's durations, and numbers with units as people write them (strfmt ParseDuration). */
function isDuration(text: string): boolean {
  if (/^[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|\u03bcs|ms|s|m|h))+)$/.test(text)) return true;
  return [...text.matchAll(/(?<!\d)\d+\s*([A-Za-zµ]+)/g)].some(
    ([, unit = '']) =>
      /^(?:ns|us|µs|ms|s|m|h|hr|d|w|wk|nano|micro|milli|sec|min|hour|day|week)$/i.test(unit) ||
      /^(?:nano|micro|milli|sec|min|hour|day|week)/i.test(unit),
  );
}
