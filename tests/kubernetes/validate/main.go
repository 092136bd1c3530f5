// Judges manifests as the API server of the Kubernetes that this is built with would at their creation: strict decoding, defaults,
// the strategy's own validation, its warnings, and the pod security level that their namespace enforces. Reads them from files, or
// from standard input. Prints a line for each fault; exit 1 if there is one.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/csidriver"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

var strategies = map[string]rest.RESTCreateStrategy{
	"Namespace": namespace.Strategy, "ConfigMap": configmap.Strategy, "Secret": secret.Strategy, "Service": service.Strategy,
	"ServiceAccount": serviceaccount.Strategy, "PersistentVolumeClaim": persistentvolumeclaim.Strategy,
	"StatefulSet": statefulset.Strategy, "Deployment": deployment.Strategy, "DaemonSet": daemonset.Strategy, "Job": job.Strategy,
	"NetworkPolicy": networkpolicy.Strategy, "PodDisruptionBudget": poddisruptionbudget.Strategy,
	"ClusterRole": clusterrole.Strategy, "ClusterRoleBinding": clusterrolebinding.Strategy, "Role": role.Strategy,
	"RoleBinding": rolebinding.Strategy, "PriorityClass": priorityclass.Strategy, "CSIDriver": csidriver.Strategy,
	"StorageClass": storageclass.Strategy,
}

var decoder = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()

type workload struct {
	name, namespace string
	template        core.PodTemplateSpec
}

type judge struct {
	objects, faults int
	levels          map[string]string
	workloads       []workload
}

func (j *judge) fault(name, format string, arguments ...any) {
	j.faults++
	fmt.Printf("%s: %s\n", name, fmt.Sprintf(format, arguments...))
}

// A custom resource is its definition's to judge, which is not the API server's.
func isCustom(document []byte) bool {
	var what metav1.TypeMeta
	if yaml.Unmarshal(document, &what) != nil {
		return false
	}
	group := schema.FromAPIVersionAndKind(what.APIVersion, what.Kind).Group
	return group == "monitoring.coreos.com" || group == "helm.cattle.io" || group == "apiextensions.k8s.io"
}

func (j *judge) document(where string, document []byte) {
	var any map[string]any
	if err := yaml.Unmarshal(document, &any); err != nil {
		j.fault(where, "%v", err)
		return
	}
	if len(any) == 0 || isCustom(document) {
		return
	}
	object, kind, err := decoder.Decode(document, nil, nil)
	if err != nil {
		j.fault(where, "%v", err)
		return
	}
	j.objects++
	accessor, err := meta.Accessor(object)
	if err != nil {
		j.fault(where, "%v", err)
		return
	}
	name := kind.Kind + "/" + accessor.GetName()
	strategy, known := strategies[kind.Kind]
	if !known {
		j.fault(name, "a kind that this test does not know")
		return
	}
	j.note(name, object)
	if strategy.NamespaceScoped() && accessor.GetNamespace() == "" {
		accessor.SetNamespace("default")
	}
	ctx := request.WithNamespace(request.NewContext(), accessor.GetNamespace())
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{IsResourceRequest: true, Verb: "create", APIGroup: kind.Group,
		APIVersion: kind.Version, Namespace: accessor.GetNamespace(), Resource: strings.ToLower(kind.Kind)})
	rest.FillObjectMetaSystemFields(accessor)
	j.create(ctx, name, strategy, object)
}

func (j *judge) create(ctx context.Context, name string, strategy rest.RESTCreateStrategy, object runtime.Object) {
	if err := rest.BeforeCreate(strategy, ctx, object); err != nil {
		j.fault(name, "%v", err)
		return
	}
	for _, warning := range strategy.WarningsOnCreate(ctx, object) {
		j.fault(name, "%s", warning)
	}
}

// Remembers what pod security must look at, once all namespaces are known, and puts a service in the form that is validated.
func (j *judge) note(name string, object runtime.Object) {
	switch o := object.(type) {
	case *core.Namespace:
		j.levels[o.Name] = o.Labels[podsecurity.EnforceLevelLabel]
	case *core.Service: // the storage does so before it validates
		if o.Spec.ClusterIP != "" {
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
	case *apps.StatefulSet:
		j.workloads = append(j.workloads, workload{name, o.Namespace, o.Spec.Template})
	case *apps.Deployment:
		j.workloads = append(j.workloads, workload{name, o.Namespace, o.Spec.Template})
	case *apps.DaemonSet:
		j.workloads = append(j.workloads, workload{name, o.Namespace, o.Spec.Template})
	case *batch.Job:
		j.workloads = append(j.workloads, workload{name, o.Namespace, o.Spec.Template})
	}
}

func (j *judge) security() {
	for _, w := range j.workloads {
		level, err := podsecurity.ParseLevel(j.levels[w.namespace])
		if j.levels[w.namespace] == "" || err != nil {
			continue
		}
		var template corev1.PodTemplateSpec
		if err := corev1conversion.Convert_core_PodTemplateSpec_To_v1_PodTemplateSpec(&w.template, &template, nil); err != nil {
			j.fault(w.name, "%v", err)
			continue
		}
		for _, check := range policy.DefaultChecks() {
			newest := check.Versions[len(check.Versions)-1]
			result := newest.CheckPod(&template.ObjectMeta, &template.Spec)
			if podsecurity.CompareLevels(check.Level, level) <= 0 && !result.Allowed {
				j.fault(w.name, "%s is enforced: %s: %s", level, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	}
}

func (j *judge) read(where string, from io.Reader) {
	documents := yaml.NewYAMLReader(bufio.NewReader(from))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			j.fault(where, "%v", err)
			return
		}
		j.document(where, document)
	}
}

func main() {
	capabilities.Initialize(capabilities.Capabilities{AllowPrivileged: true})
	j := judge{levels: map[string]string{}}
	for _, name := range os.Args[1:] {
		file, err := os.Open(name)
		if err != nil {
			j.fault(name, "%v", err)
			continue
		}
		j.read(name, file)
		file.Close()
	}
	if len(os.Args) == 1 {
		j.read("standard input", os.Stdin)
	}
	j.security()
	fmt.Printf("%d objects, %d faults\n", j.objects, j.faults)
	if j.faults > 0 || j.objects == 0 {
		os.Exit(1)
	}
}
