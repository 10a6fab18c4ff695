import { checkSubDir, invalid, objectionToName } from './path-rules.ts';

/** Variables of a `subDir`, and the keys under which the CO tells them when it creates the volume. */
const variables: Readonly<Record<string, string>> = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the variables as users write them.
  '${pvc.metadata.name}': 'csi.storage.k8s.io/pvc/name',
  '${pvc.metadata.namespace}': 'csi.storage.k8s.io/pvc/namespace',
  '${pv.metadata.name}': 'csi.storage.k8s.io/pv/name',
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the same.
};

const pattern = /\$\{[^}]*\}/g;

/** @throws GrpcError INVALID_ARGUMENT – it could never become a path below the share, whatever its variables are. */
export function checkTemplate(template: string): void {
  for (const variable of template.match(pattern) ?? []) keyOf(template, variable);
  checkSubDir(template.replace(pattern, 'x'));
}

/**
 * The sub directory a template means for one volume. A value is one name, or a part of one: it never adds a level.
 * @throws GrpcError INVALID_ARGUMENT – a value is missing, or the result would not be a path of plain names.
 */
export function resolveTemplate(template: string, remarks: Readonly<Record<string, string>>): string {
  checkTemplate(template);
  const resolved = template.replace(pattern, (variable) => {
    const key = keyOf(template, variable);
    const value = remarks[key];
    if (!value) throw invalid('subDir', template, `needs "${key}": run the provisioner with --extra-create-metadata`);
    const objection = objectionToName(value);
    if (objection !== undefined) throw invalid(`${variable} in subDir`, value, objection);
    return value;
  });
  return checkSubDir(resolved);
}

function keyOf(template: string, variable: string): string {
  const key = variables[variable.toLowerCase()];
  if (key !== undefined) return key;
  throw invalid('subDir', template, `has an unknown variable; known are ${Object.keys(variables).join(', ')}`);
}
