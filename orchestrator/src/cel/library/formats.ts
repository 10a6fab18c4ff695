import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  qualifiedName,
} from '../../api-server/resources/names.ts';
import { objectType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { ArrayList } from '../values/cel-list.ts';
import type { Opaque } from '../values/opaque.ts';
import { none, Optional } from '../values/optional.ts';
import { parseTimestamp } from '../values/timestamp.ts';
import type { Value } from '../values/value.ts';
import { parseGoUrl } from './go-url.ts';

export const formatType = objectType('kubernetes.NamedFormat');

export class FormatValue implements Opaque {
  readonly opaque = formatType;
  readonly name: string;
  readonly check: (text: string) => readonly string[];
  /** Of the regular expression it stands for, for its cost. */
  readonly regexSize: number;

  constructor(name: string, check: (text: string) => readonly string[], regexSize: number) {
    this.name = name;
    this.check = check;
    this.regexSize = regexSize;
  }

  equals(other: Opaque): boolean {
    return other instanceof FormatValue && other.name === this.name;
  }
}

/** The beginning of a name may end in a dash: something follows it. */
const prefix = (check: (text: string) => readonly string[]) => (text: string) =>
  check(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);
const pattern = (expression: RegExp, complaint: string) => (text: string) => (expression.test(text) ? [] : [complaint]);

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;
const dateTimeSize = 101;

function isDate(text: string): readonly string[] {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) ? [] : ['invalid date'];
}

function isDateTime(text: string): readonly string[] {
  return parseTimestamp(text.toUpperCase().replace(' ', 'T')) ? [] : ['invalid datetime'];
}

function isUri(text: string): readonly string[] {
  const url = parseGoUrl(text);
  return typeof url === 'string' ? [url] : [];
}

const formats: Readonly<Record<string, FormatValue>> = {
  dns1123Label: new FormatValue('DNS1123Label', dns1123Label, 30),
  dns1123Subdomain: new FormatValue('DNS1123Subdomain', dns1123Subdomain, 60),
  dns1035Label: new FormatValue('DNS1035Label', dns1035Label, 30),
  qualifiedName: new FormatValue('QualifiedName', qualifiedName, 60),
  dns1123LabelPrefix: new FormatValue('DNS1123LabelPrefix', prefix(dns1123Label), 30),
  dns1123SubdomainPrefix: new FormatValue('DNS1123SubdomainPrefix', prefix(dns1123Subdomain), 60),
  dns1035LabelPrefix: new FormatValue('DNS1035LabelPrefix', prefix(dns1035Label), 30),
  labelValue: new FormatValue('LabelValue', labelValue, 40),
  uri: new FormatValue('URI', isUri, 1103),
  uuid: new FormatValue('uuid', pattern(uuid, 'does not match the UUID format'), 70),
  byte: new FormatValue('byte', pattern(base64, 'invalid base64'), 84),
  date: new FormatValue('date', isDate, dateTimeSize),
  datetime: new FormatValue('datetime', isDateTime, dateTimeSize),
};

function named(name: Value): Optional {
  const format = Object.hasOwn(formats, name as string) ? formats[name as string] : undefined;
  return format ? new Optional(format) : none;
}

function validate(format: Value, text: Value): Optional {
  const complaints = (format as FormatValue).check(text as string);
  return complaints.length === 0 ? none : new Optional(new ArrayList([...complaints]));
}

const self = 'kubernetes.NamedFormat';

/** Kubernetes' named formats. */
export const formatLibrary: readonly FunctionDeclaration[] = [
  declare('validate', { 'format-validate': [`${self}.(string): optional(list(string))`, validate] }),
  declare('format.named', { 'format-named': [`(string): optional(${self})`, named] }),
  ...Object.entries(formats).map(([name, format]) =>
    declare(`format.${name}`, { [`format.${name}`]: [`(): ${self}`, () => format] }),
  ),
];
