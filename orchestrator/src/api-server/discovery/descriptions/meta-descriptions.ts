import type { Descriptions } from './descriptions.ts';

export const metaDescriptions: Descriptions = {
  'apimachinery.pkg.apis.meta.v1.ObjectMeta': {
    '': 'What every stored object has: its name, its labels, and what the server notes about it.',
    annotations: 'Values that tools keep with the object. Nothing is selected by them, and they may be long.',
    creationTimestamp: 'CreationTimestamp is a timestamp that tells when the object was created. Set by the server.',
    deletionGracePeriodSeconds:
      'How many seconds the object has to end before it is removed. Set when its deletion is asked for.',
    deletionTimestamp: 'When the object is to be gone. It is set by a request to delete it, and stays once it is set.',
    finalizers:
      'Names of those who still have to do something before the object may go. It goes when the list is empty.',
    generateName: 'What the server begins a name with, if none is given; the rest of it is random.',
    generation: 'A number that grows with every change to what is wanted of the object.',
    labels: 'Pairs of a key and a value by which objects are found and grouped.',
    managedFields: 'Who set which fields, as server-side apply needs to know it. Written by the server.',
    name: 'The name of the object: unique among those of its kind in its namespace. It cannot be changed.',
    namespace: 'The namespace the object lives in. Empty for kinds that live in none.',
    ownerReferences: 'The objects this one depends on: it is removed when all of them are gone.',
    resourceVersion:
      'The state of the object, as an opaque text. A change that names an old one is refused as a conflict.',
    selfLink: 'Not used any more.',
    uid: 'Unique in space and time: an object that is made anew under the same name has another one.',
  },
  'apimachinery.pkg.apis.meta.v1.OwnerReference': {
    '': 'An object that another one depends on, in the same namespace or in none.',
    apiVersion: 'Group and version of the owner.',
    blockOwnerDeletion: 'Whether the owner stays until this object is gone, where it is deleted in the foreground.',
    controller: 'Whether this owner is the one that manages the object. At most one is.',
    kind: 'The kind of the owner.',
    name: 'The name of the owner.',
    uid: 'The uid of the owner: one of the same name that was made later is no owner.',
  },
  'apimachinery.pkg.apis.meta.v1.LabelSelector': {
    '': 'Which objects are meant, by their labels. All of its terms have to hold; without any, all objects are meant.',
    matchExpressions: 'Terms with an operator, such as `tier In (a, b)`.',
    matchLabels: 'Keys with the one value they must have.',
  },
  'apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement': {
    '': 'One term of a selector.',
    key: 'The label it is about.',
    operator: 'In, NotIn, Exists or DoesNotExist.',
    values: 'The values of In and NotIn; none for the others.',
  },
};
