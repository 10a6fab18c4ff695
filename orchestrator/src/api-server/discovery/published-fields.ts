import { publishedFieldsJson } from './gen/published-fields.ts';

/**
 * What documents tell of fields that their types do not (enums, defaults that are no zero values, names of what may be
 * anything), by the schema's name without `io.k8s.`; the field `''` is the schema itself. A member that is null is none.
 */
export type PublishedFields = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;

export const publishedFields = JSON.parse(publishedFieldsJson) as PublishedFields;
