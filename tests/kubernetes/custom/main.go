// Judges custom resources by the Go types of their operators, decoded strictly. Reads manifests from standard input, or from files;
// prints a line for each fault; exit 1 if there is one, or nothing to judge.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	helm "github.com/k3s-io/helm-controller/pkg/apis/helm.cattle.io/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	reader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

var types = map[string]func() any{
	"monitoring.coreos.com/v1 ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"helm.cattle.io/v1 HelmChart":             func() any { return &helm.HelmChart{} },
}

func judge(name string, from io.Reader) (objects, faults int) {
	documents := reader.NewYAMLReader(bufio.NewReader(from))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		var what metav1.TypeMeta
		if err == nil {
			err = yaml.Unmarshal(document, &what)
		}
		if make := types[what.APIVersion+" "+what.Kind]; err == nil && make != nil {
			objects++
			err = yaml.UnmarshalStrict(document, make())
		}
		if err != nil {
			faults++
			fmt.Printf("%s: %s: %v\n", name, what.Kind, err)
		}
	}
}

func main() {
	objects, faults := 0, 0
	for _, name := range os.Args[1:] {
		file, err := os.Open(name)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		o, f := judge(name, file)
		objects, faults = objects+o, faults+f
	}
	if len(os.Args) == 1 {
		objects, faults = judge("standard input", os.Stdin)
	}
	fmt.Printf("%d objects, %d faults\n", objects, faults)
	if faults > 0 || objects == 0 {
		os.Exit(1)
	}
}
