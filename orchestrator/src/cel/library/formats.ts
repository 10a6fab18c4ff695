import { hasFormat } from '../../api-server/custom-resources/values/formats.ts';
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
import type { Value } from '../values/value.ts';
import { requestUriComplaint } from './go-url.ts';

const formatType = objectType('kubernetes.NamedFormat');

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
/** A format of schemas, by its name there. */
const known = (name: string, complaint: string) => (text: string) => (hasFormat(text, name) ? [] : [complaint]);

/** Of kube-openapi's expression for times, which dates are counted by, too. */
const dateTimeSize = 71;

function isUri(text: string): readonly string[] {
  const complaint = requestUriComplaint(text);
  return complaint === undefined ? [] : [complaint];
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
  uuid: new FormatValue('uuid', known('uuid', 'does not match the UUID format'), 70),
  byte: new FormatValue('byte', known('byte', 'invalid base64'), 84),
  date: new FormatValue('date', known('date', 'invalid date'), dateTimeSize),
  datetime: new FormatValue('datetime', known('datetime', 'invalid datetime'), dateTimeSize),
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
