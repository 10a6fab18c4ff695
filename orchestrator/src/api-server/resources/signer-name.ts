import type { FieldError } from '../resource-definition.ts';
import { invalid, required, tooLong } from './field.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';

const longestDomain = 253;
/** A subdomain, a label, the dots and the slash between all of them. */
const longestName = 2 * longestDomain + 65;

/** Who signs certificates: `example.com/name` (core validation ValidateSignerName). */
export function signerNameErrors(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const [domain = '', path = '', ...more] = name.split('/');
  if (more.length > 0 || !name.includes('/'))
    return [invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  return [
    ...(Buffer.byteLength(domain) > longestDomain ? [tooLong(field, longestDomain)] : []),
    ...firstWrong(domain, field, dns1123Label),
    ...(domain.includes('.')
      ? []
      : [invalid(field, domain, 'should be a domain with at least two segments separated by dots')]),
    ...firstWrong(path, field, dns1123Subdomain),
    ...(Buffer.byteLength(name) > longestName ? [tooLong(field, longestName)] : []),
  ];
}

/** More than one segment would be told in the same words. */
function firstWrong(part: string, field: string, check: (label: string) => readonly string[]): FieldError[] {
  const label = part.split('.').find((each) => check(each).length > 0);
  if (label === undefined) return [];
  return check(label).map((text) => invalid(field, part, `validating label ${JSON.stringify(label)}: ${text}`));
}
