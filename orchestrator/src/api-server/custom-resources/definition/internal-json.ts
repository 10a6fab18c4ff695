import { isRecord, withSentEmpty } from '@berth/kube';

/**
 * How upstream prints wrong values of its unversioned types: Go's names, every field, in the order of the struct.
 * Codes: s "", b false, d dependencies, l null or a list, N null or as it is, and of a type: p pointer, r list, m map.
 */
const shapes: Readonly<Record<string, string>> = {
  Version:
    'Name:name:s Served:served:b Storage:storage:b Deprecated:deprecated:b DeprecationWarning:deprecationWarning:N Schema:schema:p:Validation Subresources:subresources:p:Subresources AdditionalPrinterColumns:additionalPrinterColumns:r:Column SelectableFields:selectableFields:r:SelectableField',
  Validation: 'OpenAPIV3Schema:openAPIV3Schema:p:Schema',
  Subresources: 'Status:status:N Scale:scale:p:Scale',
  Scale:
    'SpecReplicasPath:specReplicasPath:s StatusReplicasPath:statusReplicasPath:s LabelSelectorPath:labelSelectorPath:N',
  Column: 'Name:name:s Type:type:s Format:format:s Description:description:s Priority:priority:n JSONPath:jsonPath:s',
  SelectableField: 'JSONPath:jsonPath:s',
  Schema:
    'ID:id:s Schema:$schema:s Ref:$ref:N Description:description:s Type:type:s Nullable:nullable:b Format:format:s Title:title:s Default:default:N Maximum:maximum:N ExclusiveMaximum:exclusiveMaximum:b Minimum:minimum:N ExclusiveMinimum:exclusiveMinimum:b MaxLength:maxLength:N MinLength:minLength:N Pattern:pattern:s MaxItems:maxItems:N MinItems:minItems:N UniqueItems:uniqueItems:b MultipleOf:multipleOf:N Enum:enum:N MaxProperties:maxProperties:N MinProperties:minProperties:N Required:required:N Items:items:i AllOf:allOf:r:Schema OneOf:oneOf:r:Schema AnyOf:anyOf:r:Schema Not:not:p:Schema Properties:properties:m:Schema AdditionalProperties:additionalProperties:a PatternProperties:patternProperties:m:Schema Dependencies:dependencies:d AdditionalItems:additionalItems:a Definitions:definitions:m:Schema ExternalDocs:externalDocs:p:Docs Example:example:N XPreserveUnknownFields:x-kubernetes-preserve-unknown-fields:N XEmbeddedResource:x-kubernetes-embedded-resource:b XIntOrString:x-kubernetes-int-or-string:b XListMapKeys:x-kubernetes-list-map-keys:N XListType:x-kubernetes-list-type:N XMapType:x-kubernetes-map-type:N XValidations:x-kubernetes-validations:r:Rule',
  Docs: 'Description:description:s URL:url:s',
  Rule: 'Rule:rule:s Message:message:s MessageExpression:messageExpression:s Reason:reason:N FieldPath:fieldPath:s OptionalOldSelf:optionalOldSelf:N',
};

const zeros: Readonly<Record<string, unknown>> = { s: '', b: false, n: 0 };

/** The value as upstream's JSON of its unversioned type. */
export function internalJson(type: 'Version' | 'Schema' | 'Rule', value: unknown): Record<string, unknown> {
  return formOf(type, isRecord(value) ? value : {});
}

/** Texts that Go tells from none where they are empty. */
const pointers = new Set(['$ref', 'x-kubernetes-list-type', 'x-kubernetes-map-type']);

/** The fields that are not at their zero value, by Go's names and in its order. */
export function setFields(type: 'Schema', value: object): (readonly [name: string, value: unknown])[] {
  const given = value as Readonly<Record<string, unknown>>;
  const names = (shapes[type] ?? '').split(' ').map((shape) => shape.split(':') as [string, string]);
  return names.flatMap(([goName, name]) => {
    const own = withSentEmpty(given, name);
    return own === undefined || own === null || own === false || (own === '' && !pointers.has(name))
      ? []
      : [[goName, own] as const];
  });
}

function formOf(type: string, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const shape of shapes[type]?.split(' ') ?? []) {
    const [goName, name, code, target = ''] = shape.split(':') as [string, string, string, string?];
    result[goName] = fieldOf(withSentEmpty(value, name), code, target);
  }
  return result;
}

function fieldOf(value: unknown, code: string, type: string): unknown {
  if (value === undefined || value === null) return zeros[code] ?? null;
  if (code === 'i') return itemsForm(value);
  if (code === 'd' && isRecord(value))
    return Object.fromEntries(
      Object.keys(value)
        .toSorted()
        .map((key) => [key, dependencyForm(value[key])]),
    );
  if (code === 'a')
    return isRecord(value) ? { Allows: true, Schema: formOf('Schema', value) } : { Allows: value, Schema: null };
  if (code === 'r' && Array.isArray(value)) return value.map((each) => formOf(type, each as Record<string, unknown>));
  if (code === 'p' && isRecord(value)) return formOf(type, value);
  if (code === 'm' && isRecord(value))
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, each]) => [key, formOf(type, each as Record<string, unknown>)]),
    );
  return value;
}

function itemsForm(value: unknown): unknown {
  if (Array.isArray(value))
    return { Schema: null, JSONSchemas: value.map((each) => formOf('Schema', each as Record<string, unknown>)) };
  return { Schema: formOf('Schema', value as Record<string, unknown>), JSONSchemas: null };
}

/** JSONSchemaPropsOrStringArray. */
function dependencyForm(value: unknown): unknown {
  if (Array.isArray(value)) return { Schema: null, Property: value };
  return { Schema: isRecord(value) ? formOf('Schema', value) : null, Property: null };
}
