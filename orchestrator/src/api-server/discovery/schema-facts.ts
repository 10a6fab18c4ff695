import { describedFields } from './descriptions/described-fields.ts';
import { kindDescriptions } from './descriptions/kind-descriptions.ts';
import type { SchemaFacts } from './openapi-schema.ts';
import { publishedFields } from './published-fields.ts';

export const schemaFacts: SchemaFacts = {
  words: describedFields,
  kindWords: kindDescriptions,
  published: publishedFields,
};
