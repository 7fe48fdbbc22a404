"""Networks that restore a face's detail: GFPGAN, GPEN."""
