import type { FieldError } from '../resource-definition.ts';
import { invalid } from './field.ts';

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
