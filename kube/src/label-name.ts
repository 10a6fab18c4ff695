/** What label keys and values may look like, in upstream's words (apimachinery util/validation). */
const namePattern = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const valuePattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const nameRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const subdomainRule =
  "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** What is wrong with a qualified name such as a label or annotation key; empty when nothing is. */
export function qualifiedNameErrors(text: string, what = 'qualified name'): string[] {
  // Most have no prefix; a selector may have a hundred thousand.
  if (text.length <= 63 && namePattern.test(text)) return [];
  const parts = text.split('/');
  if (parts.length > 2) {
    return [
      `a ${what} must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  if (parts.length === 2) errors.push(...prefixErrors(parts[0] as string));
  const name = parts.at(-1) as string;
  if (name.length === 0) errors.push('name part must be non-empty');
  else if (name.length > 63) errors.push('name part must be no more than 63 bytes');
  if (!namePattern.test(name)) errors.push(nameRule);
  return errors;
}

function prefixErrors(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty'];
  const errors: string[] = [];
  if (prefix.length > 253) errors.push('prefix part must be no more than 253 bytes');
  if (!subdomainPattern.test(prefix)) errors.push(subdomainRule);
  return errors;
}

/** The same, of a label's key. */
export function labelKeyErrors(text: string): string[] {
  return qualifiedNameErrors(text, 'valid label key');
}

/** What is wrong with a label's value; empty when nothing is. */
export function labelValueErrors(text: string): string[] {
  const errors: string[] = [];
  if (text.length > 63) errors.push('must be no more than 63 bytes');
  if (!valuePattern.test(text)) errors.push(valueRule);
  return errors;
}
