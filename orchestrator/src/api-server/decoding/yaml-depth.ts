import { mostNested } from './most-nested.ts';
import { nestsDeeper } from './yaml-document.ts';

const openers = /[[{]|[-?] /g;

/** Whether a short text nests deeper than is usual; few have half as many brackets and dashes at all. */
export function isDeepYaml(text: string): boolean {
  let count = 0;
  for (const _ of text.matchAll(openers)) if (++count > mostNested) return nestsDeeper(text, mostNested) !== undefined;
  return false;
}
