import type { AnyObject } from './resource-definition.ts';

type Json = Readonly<Record<string, unknown>>;

/** What kube-apiserver lifts out of the versions where it is the same in all of them: its old name, and that in a version. */
const lifted = { subresources: 'subresources', validation: 'schema', selectableFields: 'selectableFields' } as const;

/**
 * A CustomResourceDefinition of v1beta1, which no server shows any more, but in which kube-apiserver still keeps all of them
 * (controlplane/apiserver/apiextensions.go), as one of v1 (apis/apiextensions/v1/conversion.go).
 */
export function definitionOfBeta(object: AnyObject): AnyObject {
  const { version, validation, subresources, selectableFields, additionalPrinterColumns, conversion, ...spec } = object[
    'spec'
  ] as Json;
  const common: Record<string, unknown> = {};
  const top: Json = { validation, subresources, selectableFields };
  for (const [old, name] of Object.entries(lifted)) if (top[old] !== undefined) common[name] = top[old];
  const versions = (spec['versions'] as readonly Json[] | undefined) ?? [
    { name: version, served: true, storage: true },
  ];
  const ofAll = (additionalPrinterColumns ?? undefined) as readonly Json[] | undefined;
  return {
    ...object,
    spec: {
      ...spec,
      versions: versions.map(({ additionalPrinterColumns: own, ...each }) => {
        const columns = ofAll ?? (own as readonly Json[] | undefined);
        return { ...each, ...common, ...(columns ? { additionalPrinterColumns: columns.map(columnOfBeta) } : {}) };
      }),
      ...(conversion ? { conversion: conversionOfBeta(conversion as Json) } : {}),
    },
  };
}

function columnOfBeta({ JSONPath: jsonPath, ...column }: Json): Json {
  return { ...column, jsonPath };
}

function conversionOfBeta({ strategy, webhookClientConfig: clientConfig, conversionReviewVersions }: Json): Json {
  if (!clientConfig && !conversionReviewVersions) return { strategy };
  const versions = conversionReviewVersions ? { conversionReviewVersions } : {};
  return { strategy, webhook: { ...(clientConfig ? { clientConfig } : {}), ...versions } };
}
