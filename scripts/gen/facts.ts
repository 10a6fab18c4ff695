import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the wire facts stand (openapi, discovery and descriptor documents): `FACTS` or the folder beside the checkout. */
const folder = process.env['FACTS'] ?? join(import.meta.dirname, '../../../shared/facts');

export function readFacts<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
}
