console.log("nothing to prepare yet")
