import type { FieldError } from '../../resource-definition.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { invalid, required, tooLong } from '../field.ts';
import { dns1123Label, dns1123Subdomain, labelValue, regexComplaint } from '../names.ts';

/** A domain, a slash and an identifier. */
export const longestQualifiedName = 63 + 1 + 32;
const longestIdentifier = 32;
const longestPoolName = 253;

export function validateLabel(name: string, field: string): FieldError[] {
  return dns1123Label(name).map((text) => invalid(field, name, text));
}

export function validateSubdomain(name: string, field: string): FieldError[] {
  return dns1123Subdomain(name).map((text) => invalid(field, name, text));
}

export function validateLabelValue(value: string, field: string): FieldError[] {
  return labelValue(value).map((text) => invalid(field, value, text));
}

/** One subdomain, or several with slashes between them. */
export function validatePoolName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  return [
    ...(Buffer.byteLength(name) > longestPoolName ? [tooLong(field, longestPoolName)] : []),
    ...name.split('/').flatMap((part) => validateSubdomain(part, field)),
  ];
}

/** An identifier, perhaps with the domain of the driver that it is of. */
export function validateQualifiedName(name: string, field: string): FieldError[] {
  const parts = name.split('/');
  // Upstream lets names with more slashes pass.
  if (parts.length > 2) return [];
  const [first = '', second] = parts;
  if (second === undefined) return validateIdentifier(first, field);
  return [
    ...(first === '' ? [invalid(field, '', 'the domain must not be empty')] : validateDriverName(first, field)),
    ...(second === '' ? [invalid(field, '', 'the name must not be empty')] : validateIdentifier(second, field)),
  ];
}

export function validateFullyQualifiedName(name: string, field: string): FieldError[] {
  const detail = 'a fully qualified name must be a domain and a name separated by a slash';
  return [...validateQualifiedName(name, field), ...(name.includes('/') ? [] : [invalid(field, name, detail)])];
}

const identifier = '[A-Za-z_][A-Za-z0-9_]*';

function validateIdentifier(name: string, field: string): FieldError[] {
  const message =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  return [
    ...(Buffer.byteLength(name) > longestIdentifier ? [tooLong(field, longestIdentifier)] : []),
    ...(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
      ? []
      : [invalid(field, name, regexComplaint(message, identifier, ['my_name', 'MY_NAME', 'MyName']))]),
  ];
}

const hex = '[0-9a-fA-F]';
const uuid = new RegExp(`^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$`);

/** In RFC 4122's normal form; what google/uuid reads besides is told apart from what it does not. */
export function validateUid(uid: string, field: string): FieldError[] {
  const problem = uidProblem(uid);
  if (problem !== undefined) return [invalid(field, uid, `error validating uid: ${problem}`)];
  if (uid.length === 36 && uid === uid.toLowerCase()) return [];
  const form = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx';
  return [
    invalid(field, uid, `uid must be in RFC 4122 normalized form, \`${form}\` with lowercase hexadecimal characters`),
  ];
}

function uidProblem(uid: string): string | undefined {
  const wrong = 'invalid UUID format';
  switch (Buffer.byteLength(uid)) {
    case 36:
      return uuid.test(uid) ? undefined : wrong;
    case 45:
      if (!/^urn:uuid:/i.test(uid)) return `invalid urn prefix: ${JSON.stringify(uid.slice(0, 9))}`;
      return uuid.test(uid.slice(9)) ? undefined : wrong;
    case 38:
      if (!/^\{.*\}$/.test(uid)) return 'invalid bracketed UUID format';
      return uuid.test(uid.slice(1, -1)) ? undefined : wrong;
    case 32:
      return new RegExp(`^${hex}{32}$`).test(uid) ? undefined : wrong;
    default:
      return `invalid UUID length: ${Buffer.byteLength(uid)}`;
  }
}
