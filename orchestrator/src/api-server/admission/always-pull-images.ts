import type { Pod, PodSpec } from '@berth/kube';
import { forbidden } from '../resource-errors.ts';
import { notSupported } from '../resources/field.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';

/** Every image is pulled, so that nobody uses another's by its name (admission AlwaysPullImages). */
export const alwaysPullImages: AdmissionPlugin = (request) => {
  if (!isConcerned(request)) return;
  const spec = request.object.spec as PodSpec;
  for (const { container } of containersOf(spec)) container.imagePullPolicy = 'Always';
  for (const { image } of spec.volumes ?? []) if (image) image.pullPolicy = 'Always';
};

/** What a webhook put in is held to it as well. */
export const onlyPulledImages: AdmissionPlugin = (request) => {
  if (!isConcerned(request)) return;
  for (const { container, path } of containersOf(request.object.spec as PodSpec)) {
    const { imagePullPolicy = '' } = container;
    if (imagePullPolicy === 'Always') continue;
    const { field, message } = notSupported(`${path}.imagePullPolicy`, imagePullPolicy, ['Always']);
    throw forbidden(request.definition, request.name, `${field}: ${message}`);
  }
};

/** An update counts when it brings an image that was not there. */
function isConcerned(request: AdmissionRequest): boolean {
  if (request.operation === 'delete' || !isResource(request, '', 'pods') || !request.object.spec) return false;
  if (!request.old) return true;
  const old = new Set(imagesOf(request.old as Pod));
  return imagesOf(request.object as Pod).some((image) => !old.has(image));
}

function imagesOf({ spec }: Pod): string[] {
  if (!spec) return [];
  const volumes = (spec.volumes ?? []).flatMap(({ image }) => image?.reference ?? []);
  return [...containersOf(spec).map(({ container }) => container.image ?? ''), ...volumes];
}

function containersOf(spec: PodSpec) {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ container, path: `spec.${list}[${index}]` })),
  );
}
