/** Words for schemas and their fields, by the schema's name without `io.k8s.`; the field `''` is the schema itself. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;
