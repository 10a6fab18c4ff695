import type { FieldError } from '../resource-definition.ts';
import { invalid, required } from './field.ts';
import { dns1123Subdomain } from './names.ts';

export function noBacksteps(path: string, field: string): FieldError[] {
  return path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : [];
}

export function absolutePath(path: string, field: string): FieldError[] {
  return path.startsWith('/') ? [] : [invalid(field, path, 'must be an absolute path')];
}

/** A path that stays below where it starts. */
export function descendingPath(path: string, field: string): FieldError[] {
  return [
    ...(path.startsWith('/') ? [invalid(field, path, 'must be a relative path')] : []),
    ...noBacksteps(path, field),
  ];
}

/** Names that begin with two dots belong to the writer of the volume (`..data`). */
export function nonReservedPath(path: string, field: string): FieldError[] {
  return [
    ...descendingPath(path, field),
    ...(path.startsWith('..') && !path.startsWith('../') ? [invalid(field, path, "must not start with '..'")] : []),
  ];
}

/** `domain/path`, such as who a job is managed by (IsDomainPrefixedPath). */
export function domainPrefixedPath(text: string, field: string): FieldError[] {
  if (text === '') return [required(field)];
  const slash = text.indexOf('/');
  const [host, path] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash <= 0 || path === '')
    return [invalid(field, text, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const pattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
  return [
    ...dns1123Subdomain(host).map((complaint) => invalid(field, host, complaint)),
    ...(new RegExp(`^${pattern}$`).test(path)
      ? []
      : [invalid(field, path, `Invalid path (regex used for validation is '${pattern}')`)]),
  ];
}
