// Package suite pins what Kubernetes' e2e suite is compiled from.
package suite

import _ "k8s.io/kubernetes/test/e2e"
