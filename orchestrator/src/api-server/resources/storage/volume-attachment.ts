import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { defaultVolumeSource } from '../core/persistent-volume.ts';
import { validateVolumeSpec } from '../core/persistent-volume-spec.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { semanticEqual } from '../equality.ts';
import { forbidden, invalid, required, tooLong } from '../field.ts';
import { shownVolumeSpec } from '../internal-form.ts';
import { validateObjectMeta } from '../metadata.ts';
import { dns1123Subdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';

const largestMetadata = 256 * 1024;
const longestMessage = 1024;

export const volumeAttachmentRules: KindRules = {
  statusKeepsMetadata: true,
  cells: {
    Attacher: ({ spec }) => spec?.attacher ?? '',
    PV: ({ spec }) => spec?.source?.persistentVolumeName ?? '',
    Node: ({ spec }) => spec?.nodeName ?? '',
    Attached: ({ status }) => status?.attached ?? false,
  },
  rules: {
    default: (object) => {
      const inline = (object as VolumeAttachment).spec?.source?.inlineVolumeSpec;
      if (inline) defaultVolumeSource(inline);
    },
    validate,
    validateUpdate: (next, old) =>
      semanticEqual(next['spec'], old['spec'])
        ? []
        : [invalid('spec', shownSpec(next as VolumeAttachment), 'field is immutable')],
    validateStatusUpdate: (next) => [...validateObjectMeta(next, false, 'dnsSubdomain'), ...validate(next)],
  },
};

/** As Go shows the unversioned spec. */
function shownSpec({ spec }: VolumeAttachment): object {
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = spec.source ?? {};
  return {
    Attacher: spec.attacher ?? '',
    Source: { PersistentVolumeName: name ?? null, InlineVolumeSpec: inline ? shownVolumeSpec(inline) : null },
    NodeName: spec.nodeName ?? '',
  };
}

function validate(object: AnyObject): FieldError[] {
  const { spec, status } = object as VolumeAttachment;
  const volume = spec.source?.persistentVolumeName;
  return [
    ...validateDriverName(spec.attacher ?? '', 'spec.attacher'),
    ...sourceErrors(spec.source ?? {}),
    ...dns1123Subdomain(spec.nodeName ?? '').map((text) => invalid('spec.nodeName', spec.nodeName ?? '', text)),
    ...metadataErrors(status?.attachmentMetadata ?? {}),
    ...messageErrors(status?.attachError, 'status.attachError'),
    ...messageErrors(status?.detachError, 'status.detachError'),
    ...(volume !== undefined
      ? dns1123Subdomain(volume).map((text) => invalid('spec.source.persistentVolumeName', volume, text))
      : []),
  ];
}

function sourceErrors({ inlineVolumeSpec: inline, persistentVolumeName: name }: VolumeAttachmentSource): FieldError[] {
  const field = 'spec.source';
  const exactlyOne = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (!inline && name === undefined) return [required(field, exactlyOne)];
  if (inline && name !== undefined) return [forbidden(field, exactlyOne)];
  if (inline) return validateVolumeSpec(inline, `${field}.inlineVolumeSpec`, { inline: true });
  return name ? [] : [required(`${field}.persistentVolumeName`, 'must specify non empty persistentVolumeName')];
}

function metadataErrors(metadata: Readonly<Record<string, string>>): FieldError[] {
  const size = Object.entries(metadata).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return size > largestMetadata ? [tooLong('status.attachmentMetadata', largestMetadata)] : [];
}

function messageErrors(error: VolumeError | undefined, field: string): FieldError[] {
  if (!error) return [];
  return [
    // Upstream names the limit of the metadata where the message's would belong.
    ...(Buffer.byteLength(error.message ?? '') > longestMessage ? [tooLong(`${field}.message`, largestMetadata)] : []),
    ...(error.errorCode !== undefined && error.errorCode < 0
      ? [invalid(`${field}.errorCode`, error.errorCode, 'must be between 0 and 2147483647, inclusive')]
      : []),
  ];
}
